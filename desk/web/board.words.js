// The board. After the “=” this is plain JSON.
export const WORDS = {
  "board.open": ["看板", "Board"],
  "board.title": ["排队看板", "Queues"],
  "board.wall": ["全屏", "Full screen"],
  "board.waiting": ["等待中", "Waiting"],
  "board.late": ["已超时限", "Past target"],
  "board.longest": ["最久等待", "Longest wait"],
  "board.ready": ["就绪坐席", "Agents ready"],
  "board.free": ["空闲容量", "Free capacity"],
  "board.new": ["新工单预计等待", "Expected wait"],
  "board.empty": ["现在没有人排队。", "Nobody is waiting."],
  "board.anybody": ["不需要技能", "No skill needed"],
  "board.preferred": ["优先 {skills}", "{skills} preferred"],
  "board.unlabelled": ["未识别", "Not labelled"],
  "board.unknown": ["暂无法预计", "Unknown"],
  "board.about": ["约 {n} 分钟", "~{n} min"],
  "board.about.hours": ["约 {n} 小时", "~{n} h"],
  "board.over": ["{n} 张超时限", "{n} past target"],
  "board.pace": ["忙时每小时接走 {n} 张", "{n} taken an hour when busy"],
  "board.pace.unknown": ["样本太少，暂算不出速度", "Too little measured to know the pace"]
};
