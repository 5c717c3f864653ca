(function () {
  "use strict";
  var root = document.documentElement, button = document.getElementById("theme"), names = ["auto", "light", "dark"];
  function stored() { try { return localStorage.getItem("theme") || "auto"; } catch (error) { return "auto"; } }
  function show(name) {
    if (name === "auto") { root.removeAttribute("data-theme"); } else { root.setAttribute("data-theme", name); }
    button.textContent = "Theme: " + name;
    try { localStorage.setItem("theme", name); } catch (error) { /* a sandboxed frame has no storage */ }
    current = name;
  }
  var current = stored();
  button.hidden = false;
  button.addEventListener("click", function () { show(names[(names.indexOf(current) + 1) % names.length]); });
  show(names.indexOf(current) < 0 ? "auto" : current);

  var menu = document.querySelector("nav details");
  if (menu && matchMedia("(max-width: 1099px)").matches) { menu.open = false; }
  var links = {};
  document.querySelectorAll("nav a").forEach(function (link) {
    links[link.getAttribute("href").slice(1)] = link;
    link.addEventListener("click", function () {
      if (menu && matchMedia("(max-width: 1099px)").matches) { menu.open = false; }
    });
  });
  if ("IntersectionObserver" in window) {
    var observer = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        var link = links[entry.target.id];
        if (!link || !entry.isIntersecting) { return; }
        Object.keys(links).forEach(function (id) { links[id].removeAttribute("aria-current"); });
        link.setAttribute("aria-current", "true");
      });
    }, { rootMargin: "-10% 0px -80% 0px" });
    document.querySelectorAll("main > section").forEach(function (section) { observer.observe(section); });
  }
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (fold) { fold.open = true; });
  });
})();
