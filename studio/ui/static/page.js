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
            if (stop && (!stop.closest(".tab-train") || surely("Press Esc again to stop the training."))) stop.click();
        }
    }, true);

    // Hours are not stopped by one key: the first press asks, and a second one soon after means it.
    const SOON = 4_000;  // ms
    let asked = null;
    const surely = (question) => {
        const already = asked;
        if (already) already.remove();
        asked = null;
        if (already) return true;
        asked = document.body.appendChild(document.createElement("div"));
        asked.className = "asked";
        asked.role = "status";
        asked.textContent = question;
        const own = asked;
        setTimeout(() => {
            own.remove();
            if (asked === own) asked = null;
        }, SOON);
        return false;
    };

    // A chip writes its words where the cursor was, and takes them out again. Of exclusive ones, such as scenes, a new
    // one replaces the old. It is pressed while its words are in the field, whoever wrote them.
    const LETTER = "[\\p{L}\\p{N}_-]";
    const place = (words, text) =>
        new RegExp(`(?<!${LETTER})${words.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")}(?!${LETTER})`, "iu").exec(text);
    const fieldOf = (chip) => document.querySelector(`#${chip.dataset.into} textarea`);
    const without = (text, { index, 0: words }) => {
        const before = text.slice(0, index), after = text.slice(index + words.length);
        if (/[,\s]*,\s*$/.test(before)) return before.replace(/[,\s]*,\s*$/, "") + (after.trim() ? after : "");
        return before + after.replace(before.trim() ? /^\s+/ : /^[\s,]+/, "");
    };
    document.addEventListener("click", (event) => {
        const chip = event.target.closest && event.target.closest("[data-insert]");
        const field = chip && fieldOf(chip);
        if (!field) return;
        const words = chip.dataset.insert, here = place(words, field.value);
        const group = chip.closest("[data-exclusive]");
        const others = group ? [...group.querySelectorAll("[data-insert]")].map((other) => other.dataset.insert) : [];
        const old = others.map((other) => place(other, field.value)).filter(Boolean)
            .sort((a, b) => b[0].length - a[0].length)[0];
        if (here && (!old || old[0].length === here[0].length)) {
            field.value = without(field.value, here);
        } else if (old) {
            field.value = field.value.slice(0, old.index) + words + field.value.slice(old.index + old[0].length);
        } else {
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

    // Who writes into a field from the server raises no event, and its chips may be new: so they are looked at.
    setInterval(() => {
        document.querySelectorAll("[data-insert]").forEach((chip) => {
            const field = seen(chip) && fieldOf(chip);
            if (!field) return;
            const pressed = String(Boolean(place(chip.dataset.insert, field.value)));
            if (chip.getAttribute("aria-pressed") !== pressed) chip.setAttribute("aria-pressed", pressed);
        });
    }, 200);

    // A picture that opens elsewhere opens where it can be seen.
    document.addEventListener("click", (event) => {
        const opens = event.target.closest && event.target.closest("[data-act=open]");
        if (opens && !opens.closest(".tab-gallery")) window.scrollTo({ top: 0 });
    });

    // A reload comes back to the tab that was open; a new window begins where everybody does. The row of tabs comes
    // late and may choose its own first, so the tab is held open until the visitor does something.
    const KEPT = "understudy-tab", HELD = 10_000;  // ms
    const TAB = "#tabs button[role=tab]";
    const last = sessionStorage.getItem(KEPT);
    let held = null;
    const hold = () => {
        const tab = document.querySelector(`${TAB}[data-tab-id="${CSS.escape(last)}"]`);
        if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
    };
    const letGo = (event) => {
        if (!held || (event && !event.isTrusted)) return;
        held.disconnect();
        held = null;
    };
    if (last) {
        held = new MutationObserver(hold);
        held.observe(document, { subtree: true, childList: true, attributeFilter: ["aria-selected"] });
        ["pointerdown", "keydown", "click"].forEach((name) => document.addEventListener(name, letGo, true));
        setTimeout(letGo, HELD);
    }
    window.addEventListener("pagehide", () => {   // wherever a tab or a button led
        const open = document.querySelector(`${TAB}[aria-selected=true]`);
        if (open && !held) sessionStorage.setItem(KEPT, open.dataset.tabId);
    });

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
