/** The panel's own style sheet: OHIF ships only the utility classes it uses itself. Text on `--popover` keeps 4.5 : 1 or more (WCAG AA). */
export const PANEL_STYLE = `
.cb-panel {
  height: 100%; overflow-y: auto; padding: 10px 12px; box-sizing: border-box;
  display: flex; flex-direction: column; gap: 10px;
  font-size: 13px; line-height: 1.4;
  color: hsl(var(--foreground)); background: hsl(var(--popover));
}
:where(.cb-panel) :where(p, h2, ol, ul) { margin: 0; padding: 0; }
.cb-title { font-size: 14px; font-weight: 600; }
.cb-stack { display: flex; flex-direction: column; gap: 10px; align-items: stretch; }
.cb-row { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.cb-note, .cb-why, .cb-fine, .cb-detail, .cb-unused { color: #a9b6cc; font-size: 12px; }
.cb-why { grid-column: 2; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; overflow-wrap: anywhere; }
.cb-fine { margin-top: auto; }
.cb-strong { font-weight: 600; }
.cb-number { font-variant-numeric: tabular-nums; min-width: 3.4em; text-align: right; }

.cb-button {
  border: 1px solid #6b7f9f; border-radius: 4px; padding: 4px 12px; min-height: 28px;
  background: transparent; color: inherit; font: inherit; cursor: pointer; text-decoration: none;
}
.cb-button:hover:not(:disabled) { background: rgb(255 255 255 / 0.1); }
.cb-primary { border-color: #5acce6; background: #5acce6; color: #04101c; font-weight: 600; }
.cb-primary:hover:not(:disabled) { background: #8adef0; }
.cb-wide { width: 100%; }
.cb-button:disabled, .cb-icon:disabled { opacity: 0.45; cursor: default; }
.cb-icon { border: 0; border-radius: 4px; width: 26px; height: 26px; padding: 4px; background: transparent; color: inherit; cursor: pointer; }
.cb-icon:hover:not(:disabled) { background: rgb(255 255 255 / 0.12); }
.cb-icon svg { width: 100%; height: 100%; fill: none; stroke: currentColor; stroke-width: 1.3; }
.cb-panel :is(button, select, textarea, summary, a):focus-visible { outline: 2px solid #5acce6; outline-offset: 1px; }

.cb-series > summary, .cb-unused > summary { cursor: pointer; }
.cb-choice { display: grid; grid-template-columns: 44px 1fr; gap: 2px 8px; align-items: center; margin-top: 6px; }
.cb-choice select, .cb-panel textarea {
  min-width: 0; width: 100%; box-sizing: border-box; padding: 3px 4px; font: inherit;
  color: inherit; background: #04101c; border: 1px solid #6b7f9f; border-radius: 4px;
}
.cb-choice > .cb-thumbnail { grid-row: span 3; }
.cb-model { grid-template-columns: 46px 1fr; }
.cb-thumbnail { width: 44px; height: 44px; object-fit: contain; border-radius: 3px; background: #000; }
.cb-between { display: flex; justify-content: space-between; align-items: center; gap: 8px; }
.cb-between .cb-note { white-space: nowrap; }
.cb-overlay input { flex: 1; min-width: 60px; accent-color: #5acce6; }
.cb-overlay [aria-pressed="true"] { background: #5acce6; color: #04101c; }
.cb-confidence > summary { cursor: pointer; }
.cb-confidence .cb-volumes tr:first-child :is(th, td) { font-weight: 400; font-size: inherit; padding-bottom: 2px; }
.cb-confidence > * + * { margin-top: 6px; }
.cb-unused { margin-top: 8px; }
.cb-unused ul { list-style: none; margin-top: 4px; }

.cb-change { display: flex; flex-direction: column; gap: 8px; }
.cb-change > * + * { margin-top: 8px; }
:is(.cb-change, .cb-rano) > summary { cursor: pointer; }
.cb-figures { width: 100%; border-collapse: collapse; font-size: 12px; }
.cb-figures th { text-align: left; font-weight: 400; padding: 2px 6px 2px 0; }
.cb-figures td { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding-left: 6px; }
.cb-figures td.cb-note { white-space: normal; text-align: left; }
.cb-figures thead th { color: #a9b6cc; }
.cb-figures thead th + th { text-align: right; }
.cb-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.cb-chart { margin: 0; }
.cb-chart svg { width: 100%; height: auto; }
.cb-chart :is(polyline, .cb-axis) { fill: none; stroke-width: 1.5; }
.cb-chart .cb-axis { stroke: #6b7f9f; stroke-width: 1; }

.cb-legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 14px; font-variant-numeric: tabular-nums; }
.cb-uncertainty [aria-pressed="true"] { background: #5acce6; color: #04101c; }
.cb-panel .cb-button[aria-pressed="true"]:hover:not(:disabled) { background: #8adef0; }
.cb-card { white-space: pre-wrap; overflow-wrap: anywhere; margin-top: 4px; }

.cb-bar { flex: 1; height: 6px; border-radius: 3px; background: rgb(255 255 255 / 0.18); overflow: hidden; }
.cb-bar > div { height: 100%; background: #5acce6; transition: width 0.3s; }
.cb-steps { list-style: none; display: flex; flex-direction: column; gap: 4px; }
.cb-steps li { color: #a9b6cc; }
.cb-steps li[data-step="now"] { color: inherit; font-weight: 600; }
.cb-steps li[data-step="done"] { color: inherit; }
.cb-steps span { display: inline-block; width: 16px; }

.cb-volumes { width: 100%; border-collapse: collapse; }
.cb-volumes th { text-align: left; font-weight: 400; padding: 2px 0; }
.cb-volumes tr:first-child :is(th, td) { font-weight: 600; font-size: 15px; padding-bottom: 6px; }
.cb-volumes td { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.cb-swatch { display: inline-block; width: 10px; height: 10px; margin-right: 8px; border-radius: 2px; }

.cb-warning { padding: 6px 8px; border-left: 3px solid #f0e442; background: rgb(240 228 66 / 0.12); }
.cb-problem { display: flex; flex-direction: column; gap: 6px; padding: 8px; border-left: 3px solid #ff8a75; background: rgb(255 138 117 / 0.12); overflow-wrap: anywhere; }

.cb-edit, .cb-decided { display: flex; flex-direction: column; gap: 8px; padding: 8px; border: 1px solid #6b7f9f; border-radius: 4px; }
.cb-chip { border: 1px solid #6b7f9f; border-radius: 12px; padding: 2px 10px; min-height: 26px; background: transparent; color: inherit; font: inherit; font-size: 12px; cursor: pointer; }
.cb-chip:hover { background: rgb(255 255 255 / 0.1); }
.cb-chip[aria-pressed="true"] { background: #5acce6; color: #04101c; border-color: #5acce6; font-weight: 600; }
.cb-chip .cb-swatch { margin-right: 6px; border: 1px solid #04101c; }
.cb-edit .cb-row { gap: 6px; }
/* in view however small the screen */
.cb-always { position: sticky; bottom: -10px; margin: 0 -8px -8px; padding: 8px; background: hsl(var(--popover)); }
.cb-drawn { width: 100%; border-collapse: collapse; font-size: 12px; font-variant-numeric: tabular-nums; }
.cb-drawn :is(th, td) { padding: 1px 0 1px 6px; text-align: right; font-weight: 400; white-space: nowrap; }
.cb-drawn th:first-child { text-align: left; padding-left: 0; white-space: normal; }
.cb-drawn thead th { color: #a9b6cc; }
.cb-reasons { border: 0; margin: 0; padding: 0; display: flex; flex-direction: column; gap: 4px; }
.cb-reasons legend { padding: 0 0 4px; font-weight: 600; }
@media (prefers-reduced-motion: reduce) { .cb-bar > div { transition: none; } }
`;
