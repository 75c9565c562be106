// The pages work without any of this; scripts add keys, side-by-side reading and updates in place.
import { start as differences } from "./difference.js";
import { start as drafts } from "./draft.js";
import { start as keys } from "./keys.js";
import { start as leaving } from "./leaving.js";
import { start as list } from "./list.js";
import { start as sources } from "./sources.js";
import { start as sure } from "./sure.js";
import { start as studio } from "./studio.js";
import { start as style } from "./style.js";
import { start as updates } from "./updates.js";

document.documentElement.classList.add("scripted");
differences();
drafts();
leaving();
list();
keys();
sources();
studio();
sure();
style();
updates();
