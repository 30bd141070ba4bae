// The end of a conversation stays in sight while it grows, unless somebody reads further up.
import { h, t } from "./dom.js";

const NEAR = 60; // pixels from the end that are still the end
const GAP = 14; // pixels above the beginning of a long message

/**
 * Keeps the end of the list in sight, whatever changes its height: messages, pictures that load, a
 * reply box that grows. Of a message longer than the pane it shows the beginning. Returns a ``button``
 * that leads to what came while somebody read further up, and ``follow``: what comes next is shown,
 * wherever they read.
 */
export function stayAtEnd(scroller, list) {
  let put = 0;
  let stays = true;
  let seen = 0;
  const go = () => {
    const last = list.lastElementChild;
    const tall = last && last.offsetHeight > scroller.clientHeight;
    if (tall) scroller.scrollTop += last.getBoundingClientRect().top - scroller.getBoundingClientRect().top - GAP;
    else scroller.scrollTop = scroller.scrollHeight;
    put = scroller.scrollTop;
    stays = true;
    seen = list.children.length;
    button.hidden = true;
  };
  const button = h("button.quiet.to-end", { type: "button", hidden: true, onclick: go }, t("talk.news"));
  scroller.addEventListener("scroll", () => {
    const { scrollTop, scrollHeight, clientHeight } = scroller;
    const atEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    stays = atEnd || Math.abs(scrollTop - put) < 2;
    if (!atEnd) return;
    seen = list.children.length;
    button.hidden = true;
  });
  const grown = new ResizeObserver(() => {
    if (stays) go();
    else button.hidden = list.children.length <= seen;
  });
  grown.observe(list);
  grown.observe(scroller);
  return { button, follow: () => { stays = true; } };
}
