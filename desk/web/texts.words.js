// What customers get by itself. After the “=” this is plain JSON.
export const WORDS = {
  "texts": ["客户文案", "Customer texts"],
  "texts.zh": ["中文", "Chinese"],
  "texts.en": ["英文", "English"],
  "texts.default": ["默认文案", "The default"],
  "texts.version": ["第 {number} 版", "Version {number}"],
  "texts.inforce": ["使用中", "In use"],
  "texts.versions": ["版本", "Versions"],
  "texts.none": ["没有改过。", "Never changed."],
  "texts.draft": ["改写", "Rewrite"],
  "texts.text": ["文案", "Text"],
  "texts.sample": ["客户会看到", "What the customer sees"],
  "texts.why": ["为什么改", "Why"],
  "texts.drafted": ["第 {number} 版已起草，启用后才会发给客户。", "Version {number} is drafted; customers get it once it is published."],
  "texts.publish": ["启用", "Publish"],
  "texts.publish.title": ["启用第 {number} 版", "Publish version {number}"],
  "texts.published": ["第 {number} 版已启用。", "Version {number} is in use from now on."],
  "texts.restore": ["恢复默认文案", "Back to the default"]
};
