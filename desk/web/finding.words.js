// Finding tickets. After the “=” this is plain JSON.
export const WORDS = {
  "search": ["工单号、客户、单号、原话，回车查找", "Number, person or words"],
  "search.label": ["查找工单", "Find tickets"],
  "search.title": ["工单号、邮箱、电话、姓名、订单号或对话里的话；空格隔开的几样要同时有", "A ticket number, an e-mail address, a telephone number, a name, an order number, or what was said; of several, all"],
  "search.looks": ["正在查找……", "Looking …"],
  "search.none": ["没有找到“{text}”。", "Nothing was found by “{text}”."],
  "search.count": ["找到 {n} 张", "{n} found"],
  "search.count.more": ["最近的 {n} 张", "The newest {n}"],
  "search.back": ["返回列表", "Back to the list"],
  "search.hint": ["邮箱、电话、姓名要写全；原话写其中两个字、单号和工单号写其中四位就行；今天的工单写末两三位也行。", "Write addresses, telephone numbers and names whole; of ticket and order numbers any four digits will do, of a ticket of today the last two or three."],
  "search.misread": ["这个工单号校验位不对，可能抄错了。您要找的是不是：", "The check digit of this ticket number is wrong: it may have been misread. Was it:"],
  "search.unread": ["还有 {n} 张工单没读到最新内容，可能找不全。", "{n} tickets are not read to the end yet: some may be missing."],
  "found.number": ["工单号", "Number"],
  "found.email": ["邮箱", "E-mail"],
  "found.phone": ["电话", "Telephone"],
  "found.name": ["姓名", "Name"],
  "found.handle": ["账号", "Account"],
  "found.side.us": ["我方", "We"],
  "found.side.note": ["备注", "Note"]
};
