// How the editor looks; its colours are those of the page.

import { HighlightStyle } from '@codemirror/language'
import { EditorView } from '@codemirror/view'
import { tags } from '@lezer/highlight'

const BOX = {
  background: 'var(--raised)',
  color: 'var(--text)',
  border: '1px solid var(--line-strong)',
  borderRadius: 'var(--radius-sm)',
  boxShadow: 'var(--shadow-lg)',
}

export const theme = EditorView.theme({
  '&': { color: 'var(--text)', background: 'transparent', fontSize: '0.875rem' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5' },
  '.cm-content': { padding: '0.3rem 0', caretColor: 'var(--text)' },
  '.cm-line': { padding: '0 0.6rem' },
  '.cm-placeholder': { color: 'var(--text-3)', whiteSpace: 'nowrap', overflow: 'hidden', display: 'inline-block', maxWidth: '100%', textOverflow: 'ellipsis', verticalAlign: 'bottom' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, ::selection': { background: 'var(--accent-ground)' },
  '&.cm-focused .cm-matchingBracket': { background: 'var(--accent-ground)', outline: '1px solid var(--accent)' },
  '&.cm-focused .cm-nonmatchingBracket': { background: 'var(--bad-ground)' },
  '.cm-server-error': { textDecoration: 'underline wavy var(--bad) 1.5px', textUnderlineOffset: '3px', background: 'var(--bad-ground)' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--bad) 1.5px', textUnderlineOffset: '3px' },
  '.cm-tooltip': { ...BOX, zIndex: '40' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', fontSize: '0.8125rem', maxHeight: '18rem', minWidth: 'min(22rem, 90vw)', maxWidth: 'min(44rem, 92vw)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '0.2rem 0.5rem', display: 'flex', alignItems: 'baseline', gap: '0.5rem' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': { background: 'var(--accent)', color: 'var(--on-accent)' },
  '.cm-completionLabel': { overflow: 'hidden', textOverflow: 'ellipsis' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700', color: 'var(--accent)' },
  'li[aria-selected] .cm-completionMatchedText': { color: 'inherit' },
  '.cm-completionDetail': { marginLeft: 'auto', color: 'var(--text-3)', fontStyle: 'normal', fontSize: '0.75rem' },
  'li[aria-selected] .cm-completionDetail': { color: 'inherit' },
  '.cm-completionIcon': { display: 'none' },
  '.cm-tooltip.cm-completionInfo': { ...BOX, padding: '0.5rem', maxWidth: 'min(24rem, 80vw)', fontFamily: 'var(--font)', fontSize: '0.8125rem' },
  '.cm-diagnostic': { fontFamily: 'var(--font)', fontSize: '0.8125rem', padding: '0.35rem 0.6rem' },
  '.cm-diagnostic-error': { borderLeft: '3px solid var(--bad)' },
})

export const highlight = HighlightStyle.define([
  { tag: tags.name, color: 'var(--text)' },
  { tag: tags.number, color: 'var(--code-number)' },
  { tag: tags.string, color: 'var(--code-string)' },
  { tag: [tags.keyword, tags.modifier], color: 'var(--code-keyword)', fontWeight: '600' },
  { tag: tags.function(tags.variableName), color: 'var(--code-function)' },
  { tag: [tags.labelName, tags.standard(tags.name)], color: 'var(--code-label)' },
  { tag: [tags.operator, tags.punctuation, tags.paren, tags.squareBracket, tags.brace], color: 'var(--text-2)' },
  { tag: tags.comment, color: 'var(--text-3)', fontStyle: 'italic' },
  { tag: tags.invalid, color: 'var(--bad)' },
])
