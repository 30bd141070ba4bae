// What outlives a page: kept in the browser, under names of its own.

/** What survives a reload. Without storage (private windows) it lives as long as the page. */
class Memory {
  constructor() {
    this.prefix = `shouli ${root} ${site ? `${site} ` : ""}`;
    try {
      this.store = window.localStorage;
      this.store.getItem(this.prefix);
    } catch {
      this.store = null;
    }
    this.own = new Map();
  }
  get(name) {
    return this.own.get(name) ?? this.store?.getItem(this.prefix + name) ?? null;
  }
  set(name, value) {
    try {
      if (!this.store) throw new Error("no storage");
      this.store.setItem(this.prefix + name, value);
    } catch {
      this.own.set(name, value);
    }
  }
  remove(name) {
    this.own.delete(name);
    this.store?.removeItem(this.prefix + name);
  }
  /** What only this tab remembers; null without a value reads it. */
  tab(name, value = null) {
    try {
      if (value !== null) window.sessionStorage.setItem(this.prefix + name, value);
      return window.sessionStorage.getItem(this.prefix + name);
    } catch {
      return null;
    }
  }
  names(start) {
    const names = [...this.own.keys()];
    for (let i = 0; i < (this.store?.length ?? 0); i++) {
      const key = this.store.key(i);
      if (key.startsWith(this.prefix)) names.push(key.slice(this.prefix.length));
    }
    return names.filter((name) => name.startsWith(start));
  }
}

/** A random UUID; crypto.randomUUID exists on secure pages only. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
