// The end of a conversation stays in sight while it grows, unless somebody reads further up.
import { h, t } from "./dom.js";

const NEAR = 60; // pixels from the end that are still the end
const HAND_MS = 1000; // how long a wheel, a finger or a key moves the pane
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
  let hand = 0; // until then it is somebody's hand that moves the pane
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
  // A picture that is drawn anew moves the pane as well: only a hand moves it away from the end.
  for (const kind of ["wheel", "touchmove", "pointerdown", "keydown", "focusin"]) {
    scroller.addEventListener(kind, () => { hand = performance.now() + HAND_MS; }, { passive: true });
  }
  scroller.addEventListener("scroll", () => {
    const { scrollTop, scrollHeight, clientHeight } = scroller;
    if (scrollHeight - scrollTop - clientHeight < NEAR) {
      stays = true;
      seen = list.children.length;
      button.hidden = true;
    } else if (performance.now() < hand) {
      stays = Math.abs(scrollTop - put) < 2;
    } else if (stays) {
      go();
    }
  });
  const grown = new ResizeObserver(() => {
    if (stays) go();
    else button.hidden = list.children.length <= seen;
  });
  grown.observe(list);
  grown.observe(scroller);
  return { button, follow: () => { stays = true; } };
}
