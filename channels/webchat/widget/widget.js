/* Shouli webchat. Embed it with one line:
 * <script src="https://chat.example.com/webchat/widget.js" data-lang="zh" data-title="在线客服" async></script>
 * data-lang: zh (default) or en. data-title: the panel's heading. data-open: opened on wide screens.
 * data-identity: the token of a visitor who is signed in. widget.js?site=…: another of several sites.
 * Protocol: docs/channels/webchat.md. No cookies, nothing from third parties.
 */
(() => {
  "use strict";

  const STYLE = "@widget.css"; // the server puts the style sheet here
  const LOOKS = "@looks"; // … and the site's title, greeting and colour here
  const script = document.currentScript;
  const root = new URL(".", script.src).href;
  const site = new URL(script.src).searchParams.get("site");
  const lang = (script.dataset.lang || "zh").toLowerCase().startsWith("en") ? "en" : "zh";

  "@parts"; // … and what the widget is made of here

  function begin() {
    const chat = new Chat();
    window.ShouliChat = Object.freeze({ identify: (token) => chat.identify(token), open: () => chat.view.toggle(true) });
    const left = chat.memory.tab("open");
    const inviting = left === null && "open" in script.dataset && window.innerWidth > 900;
    if (left === "yes" || inviting) chat.view.toggle(true, false);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
