// Figures. After the “=” this is plain JSON.
export const WORDS = {
  "figures.open": ["报表", "Figures"],
  "figures.title": ["报表", "Figures"],
  "figures.days": ["期间", "Period"],
  "figures.last": ["最近 {days} 天", "Last {days} days"],
  "figures.month": ["月份", "Month"],
  "figures.file": ["下载月报", "Month's file"],
  "figures.trend": ["走势", "Trend"],
  "figures.groups": ["分组", "Groups"],
  "figures.by": ["按", "By"],
  "figures.by.channel": ["渠道", "Channel"],
  "figures.by.domain": ["业务域", "Domain"],
  "figures.by.agent": ["坐席", "Agent"],
  "figures.by.team": ["班组", "Team"],
  "figures.by.tier": ["客户等级", "Tier"],
  "figures.by.region": ["地区", "Region"],
  "tier.standard": ["标准", "Standard"],
  "tier.silver": ["银卡", "Silver"],
  "tier.gold": ["金卡", "Gold"],
  "figures.none": ["这段时间没有工单。", "There were no tickets in this time."],
  "figures.nothing": ["还没有可算的。", "Nothing to count yet."],
  "figures.unknown": ["（未知）", "(unknown)"]
};
