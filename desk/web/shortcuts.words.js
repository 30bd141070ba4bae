// The keys of the desk. After the “=” this is plain JSON.
export const WORDS = {
  "shortcuts": ["快捷键", "Keyboard shortcuts"],
  "shortcuts.single": ["启用单键快捷键（写字时不起作用）", "Single keys are on (never while you write)"],
  "shortcut.send": ["发送答复", "Send the answer"],
  "shortcut.finish": ["发送并解决，打开下一张", "Send, resolve, open the next one"],
  "shortcut.leave": ["离开答复框", "Leave the answer"],
  "shortcut.next": ["下一张要答复的工单", "Next ticket to answer"],
  "shortcut.down": ["列表里的下一张", "Next in the list"],
  "shortcut.up": ["列表里的上一张", "Previous in the list"],
  "shortcut.reply": ["写答复", "Write an answer"],
  "shortcut.accept": ["接单、接手", "Accept or take"],
  "shortcut.transfer": ["转派", "Transfer"],
  "shortcut.snooze": ["挂起", "Snooze"],
  "shortcut.pend": ["待客户回复", "Pend on the customer"],
  "shortcut.resolve": ["解决", "Resolve"],
  "shortcut.suggest": ["打开参考答复，回车插入", "Open the suggested answers, Enter takes one"],
  "shortcut.note": ["写内部备注", "Write an internal note"],
  "shortcut.copy": ["复制工单号", "Copy the ticket number"],
  "shortcut.search": ["查找工单", "Find a ticket"],
  "shortcut.mine": ["我的工单", "My tickets"],
  "shortcut.waiting": ["等待中的工单", "Waiting tickets"],
  "shortcut.help": ["显示快捷键", "Show these keys"]
};
