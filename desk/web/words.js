// Everything the page says, in both languages: the words of a topic stand beside its page.
import { WORDS as audit } from "./audit.words.js";
import { WORDS as board } from "./board.words.js";
import { WORDS as bundles } from "./bundles.words.js";
import { WORDS as complaint } from "./complaint.words.js";
import { WORDS as drafting } from "./drafting.words.js";
import { WORDS as facts } from "./facts.words.js";
import { WORDS as figures } from "./figures.words.js";
import { WORDS as finding } from "./finding.words.js";
import { WORDS as followups } from "./followups.words.js";
import { WORDS as frame } from "./frame.words.js";
import { WORDS as helping } from "./helping.words.js";
import { WORDS as history } from "./history.words.js";
import { WORDS as hours } from "./hours.words.js";
import { WORDS as incidents } from "./incidents.words.js";
import { WORDS as ledger } from "./ledger.words.js";
import { WORDS as people } from "./people.words.js";
import { WORDS as queue } from "./queue.words.js";
import { WORDS as rules } from "./rules.words.js";
import { WORDS as satisfaction } from "./satisfaction.words.js";
import { WORDS as secondfactor } from "./secondfactor.words.js";
import { WORDS as shortcuts } from "./shortcuts.words.js";
import { WORDS as staff } from "./staff.words.js";
import { WORDS as talk } from "./talk.words.js";
import { WORDS as texts } from "./texts.words.js";
import { WORDS as tokens } from "./tokens.words.js";
import { WORDS as traffic } from "./traffic.words.js";
import { WORDS as webhooks } from "./webhooks.words.js";

export const WORDS = {
  ...audit,
  ...board,
  ...bundles,
  ...complaint,
  ...drafting,
  ...facts,
  ...figures,
  ...finding,
  ...followups,
  ...frame,
  ...helping,
  ...history,
  ...hours,
  ...incidents,
  ...ledger,
  ...people,
  ...queue,
  ...rules,
  ...satisfaction,
  ...secondfactor,
  ...shortcuts,
  ...staff,
  ...talk,
  ...texts,
  ...tokens,
  ...traffic,
  ...webhooks,
};
