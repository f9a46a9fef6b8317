// What the theme leaves out for those who use a keyboard or a screen reader.
"use strict";

function letScroll() {
  for (const block of document.querySelectorAll("pre, .table-wrapper")) {
    if (block.scrollWidth > block.clientWidth) block.tabIndex = 0;
    else block.removeAttribute("tabindex");
  }
}

addEventListener("DOMContentLoaded", () => {
  document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "All pages");
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "On this page");
  const buttons = document.querySelector(".content-icon-container");
  buttons?.setAttribute("role", "region");
  buttons?.setAttribute("aria-label", "This page");
  for (const title of document.querySelectorAll(".caption[role=heading]")) title.ariaLevel = "2";
  for (const head of document.querySelectorAll("th")) {
    if (!head.textContent.trim()) head.role = "cell";
  }
  letScroll();
});
addEventListener("resize", letScroll);
