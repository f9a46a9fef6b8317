// What the theme leaves out for those who use a keyboard or a screen reader, and for those who
// search for a whole line of their console.
"use strict";

function letScroll() {
  for (const block of document.querySelectorAll("pre, .table-wrapper")) {
    if (block.scrollWidth > block.clientWidth) block.tabIndex = 0;
    else block.removeAttribute("tabindex");
  }
}

// What opens a drawer is a label of a box that is hidden; a button is reached by a keyboard.
function letOpen(kind, drawer) {
  const box = document.getElementById(kind === "nav" ? "__navigation" : "__toc");
  let opener;
  for (const label of document.querySelectorAll(`.${kind}-overlay-icon`)) {
    const button = document.createElement("button");
    button.className = label.className;
    button.setAttribute("aria-label", box.getAttribute("aria-label"));
    button.append(...label.childNodes);
    const tell = () => button.setAttribute("aria-expanded", box.checked);
    button.addEventListener("click", () => {
      box.click();
      opener = button;
      drawer.querySelector("a").focus();
    });
    box.addEventListener("change", tell);
    tell();
    label.replaceWith(button);
  }
  drawer.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !box.checked) return;
    box.click();
    opener?.focus();
  });
}

// A console's line names addresses that are on no page, and what is said of it stands in the middle.
function messageIn(line) {
  const [, message] =
    /\(Reason: (.*?)\)\.?(?: Status code: .*)?$/.exec(line) ??
    /^\(?Reason: (.*?)\)?\.?$/.exec(line) ??
    /blocked by CORS policy: (?:Response to preflight request doesn't pass access control check: )?(.*)$/.exec(line) ??
    /(net::ERR_\w+)/.exec(line) ??
    [null, line];
  return message.replace(/[‘'“][^‘’'“”]*:\/\/[^‘’'“”]*[’'”]/g, "").replace(/\s+/g, " ").trim();
}

// Before the search begins, which is when the page is there.
const asked = new URLSearchParams(location.search);
if (/\/search(\.html)?$/.test(location.pathname) && asked.get("q")) {
  asked.set("q", messageIn(asked.get("q")));
  history.replaceState(null, "", `?${asked}`);
}

addEventListener("DOMContentLoaded", () => {
  for (const [kind, name, title] of [["nav", "sidebar", "All pages"], ["toc", "toc", "On this page"]]) {
    const drawer = document.querySelector(`.${name}-drawer`);
    drawer?.setAttribute("aria-label", title);
    if (drawer) letOpen(kind, drawer);
  }
  const buttons = document.querySelector(".content-icon-container");
  buttons?.setAttribute("role", "region");
  buttons?.setAttribute("aria-label", "This page");
  for (const title of document.querySelectorAll(".caption[role=heading]")) title.ariaLevel = "2";
  for (const head of document.querySelectorAll("th")) {
    if (!head.textContent.trim()) head.role = "cell";
  }
  const found = document.querySelector("#search-results");
  if (found) found.insertAdjacentHTML("beforebegin", "<h1>Search</h1>");
  letScroll();
});
addEventListener("resize", letScroll);
