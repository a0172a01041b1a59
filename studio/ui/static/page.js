// What the page does without asking the server: keys, words into the prompt, pasted photos, the tab after a reload.
(() => {
    const seen = (element) => element && element.offsetParent !== null && !element.disabled;
    const first = (selector) => [...document.querySelectorAll(selector)].find(seen);

    document.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            const main = first("button.act-main");
            if (!main) return;
            event.preventDefault();
            event.stopPropagation();
            if (document.activeElement instanceof HTMLElement) {
                document.activeElement.dispatchEvent(new Event("input", { bubbles: true }));
            }
            main.click();
        }
        if (event.key === "Escape" && !document.querySelector("[role=listbox], ul.options, dialog[open]")) {
            const stop = first("button.halt");  // of the open tab: what another tab does goes on
            if (stop) stop.click();
        }
    }, true);

    // A chip writes its words where the cursor was. Of exclusive ones, such as scenes, a new one replaces the old.
    document.addEventListener("click", (event) => {
        const chip = event.target.closest && event.target.closest("[data-insert]");
        const field = chip && document.querySelector(`#${chip.dataset.into} textarea`);
        if (!field) return;
        const words = chip.dataset.insert;
        const group = chip.closest("[data-exclusive]");
        const others = group ? [...group.querySelectorAll("[data-insert]")].map((other) => other.dataset.insert) : [];
        const old = others.filter((other) => field.value.includes(other)).sort((a, b) => b.length - a.length)[0];
        if (old) {
            field.value = field.value.replace(old, words);
        } else if (!new RegExp(`(^|[^\\w-])${words.replace(/[^\w ]/g, "\\$&")}($|[^\\w-])`).test(field.value)) {
            const at = field.value ? (field.selectionStart || field.value.length) : 0;
            const before = field.value.slice(0, at).replace(/\s+$/, "");
            const after = field.value.slice(at).replace(/^\s+/, "");
            const joint = !before ? "" : group ? (/,$/.test(before) ? " " : ", ") : " ";
            field.value = before + joint + words + (after && !/^[,.;]/.test(after) ? " " : "") + after;
            field.selectionStart = field.selectionEnd = (before + joint + words).length;
        }
        field.dispatchEvent(new Event("input", { bubbles: true }));
        field.focus({ preventScroll: true });
    });

    // A picture that opens elsewhere opens where it can be seen.
    document.addEventListener("click", (event) => {
        const opens = event.target.closest && event.target.closest("[data-act=open]");
        if (opens && !opens.closest(".tab-gallery")) window.scrollTo({ top: 0 });
    });

    // A reload comes back to the tab that was open; a new window begins where everybody does.
    const KEPT = "understudy-tab";
    const last = sessionStorage.getItem(KEPT);
    let tries = last ? 100 : 0;   // the page is there before it listens
    document.addEventListener("click", (event) => {
        const tab = event.isTrusted && event.target.closest && event.target.closest("button[role=tab]");
        if (!tab) return;
        tries = 0;
        sessionStorage.setItem(KEPT, tab.textContent.trim());
    });
    window.addEventListener("pagehide", () => {   // where a button led, too
        const open = document.querySelector("button[role=tab][aria-selected=true]");
        if (open && tries <= 0) sessionStorage.setItem(KEPT, open.textContent.trim());
    });
    const reopen = () => {
        const tab = [...document.querySelectorAll("button[role=tab]")].find((one) => one.textContent.trim() === last);
        if (tab && tab.getAttribute("aria-selected") === "true") tries = Math.min(tries, 3);   // it stays so
        else if (tab) tab.click();
        tries -= 1;
        if (tries > 0) setTimeout(reopen, 100);
    };
    if (tries) reopen();

    // Photos pasted anywhere on the Subject tab, a PNG anywhere on the Gallery tab.
    document.addEventListener("paste", (event) => {
        const files = [...(event.clipboardData ? event.clipboardData.files : [])];
        const zone = first("#photo-drop, #recipe-drop");
        const input = zone && zone.querySelector("input[type=file]");
        if (!files.length || !input) return;
        event.preventDefault();
        const carried = new DataTransfer();
        (input.multiple ? files : files.slice(0, 1)).forEach((file) => carried.items.add(file));
        input.files = carried.files;
        input.dispatchEvent(new Event("change", { bubbles: true }));
    });
})();
