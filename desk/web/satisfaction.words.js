// What customers say of a ticket that has ended. After the “=” this is plain JSON.
export const WORDS = {
  "satisfaction": ["客户评价", "Customer's rating"],
  "satisfaction.none": ["还没有评价。", "Not rated yet."],
  "satisfaction.asked": ["已询问，未回答", "Asked, not answered"],
  "satisfaction.enter": ["录入评价", "Enter a rating"],
  "satisfaction.enter.text": ["客户在电话里说的评价；会记下由谁录入。", "What the customer said on the telephone; it is kept who entered it."],
  "satisfaction.entered": ["评价已记下", "Rating written down"],
  "satisfaction.words": ["客户原话", "In their words"],
  "satisfaction.via.choice": ["客户按键选择", "Chosen by button"],
  "satisfaction.via.words": ["客户文字回复", "Answered in words"],
  "satisfaction.via.link": ["客户在评价页填写", "On the rating page"],
  "satisfaction.via.caller": ["电话里说，由坐席录入", "By telephone, entered by an agent"]
};
