// Files of a message: pictures and sounds are shown, and every one that is stored can be fetched.
import { h, sizeText, t } from "./dom.js";

// What the server makes previews of, and what it plays.
const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"]);
const SOUNDS = new Set(["audio/ogg", "audio/mpeg", "audio/mp4", "audio/wav", "audio/webm"]);

function fileLink(base, file) {
  const label = [h("span.file-name", { title: file.name }, file.name || file.id), h("small", null, sizeText(file.size))];
  if (file.state !== "stored") return h("span.file", null, label, h("small", null, t(`file.${file.state}`)));
  const place = `${base}/attachments/${encodeURIComponent(file.id)}`;
  const link = h("a.file", { href: place, download: file.name || file.id }, label);
  if (PICTURES.has(file.mime)) {
    const picture = h("img.preview", { src: `${place}/preview`, alt: file.name || t("file.picture"), loading: "lazy" });
    picture.onerror = () => picture.remove(); // none can be made: the link is still there
    return h("figure.shown", null, picture, link);
  }
  if (SOUNDS.has(file.mime)) {
    return h("figure.shown", null,
      h("audio", { controls: true, preload: "none", src: `${place}/preview`, "aria-label": file.name || t("file.sound") }), link);
  }
  return link;
}

/** A message's files in a row, as those of ``ticketId`` may fetch them; nothing without any. */
export function fileRow(ticketId, message) {
  const base = `/api/v1/tickets/${ticketId}/messages/${message.id}`;
  return message.attachments.length > 0 && h("div.files", null, message.attachments.map((file) => fileLink(base, file)));
}
