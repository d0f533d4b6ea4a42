// The editor of queries.  The one file that knows CodeMirror.
//
// It lives in a shadow root: there its styles become adopted style sheets,
// which the Content-Security-Policy allows, unlike <style> elements.

import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap, completionStatus, moveCompletionSelection, selectedCompletionIndex, startCompletion } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from '@codemirror/commands'
import { bracketMatching, syntaxHighlighting } from '@codemirror/language'
import { lintKeymap } from '@codemirror/lint'
import { Annotation, EditorState, Prec, StateEffect, StateField, type Extension } from '@codemirror/state'
import { Decoration, EditorView, keymap, placeholder, type Command, type DecorationSet } from '@codemirror/view'
import { PromQLExtension } from '@prometheus-io/codemirror-promql'
import { completionRemote } from './complete'
import type { Place } from './error'
import { highlight, theme } from './theme'

export interface EditorOptions {
  expr: string
  label: string
  onRun: () => void
  onChange: (expr: string) => void
}

const setPlace = StateEffect.define<Place | undefined>()
const fromOutside = Annotation.define<boolean>()

// the underlined place of the server's error, until the text changes
const placeField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    let next = transaction.docChanged ? Decoration.none : marks
    for (const effect of transaction.effects) {
      if (!effect.is(setPlace)) continue
      const place = effect.value
      const mark = place && Decoration.mark({ class: 'cm-server-error', attributes: { title: place.message } })
      next = place && mark ? Decoration.set(mark.range(place.from, place.to)) : Decoration.none
    }
    return next
  },
  provide: (field) => EditorView.decorations.from(field),
})

// Tab takes the first proposal where none is chosen yet, and only then does
// not move the focus on.
const takeCompletion: Command = (view) => {
  if (completionStatus(view.state) !== 'active') return false
  if (selectedCompletionIndex(view.state) === null || selectedCompletionIndex(view.state) === -1) {
    moveCompletionSelection(true)(view)
  }
  acceptCompletion(view)
  return true
}

function keys(run: () => void): Extension {
  const enter: Command = (view) => {
    // a proposal that was walked to with the arrows
    if (completionStatus(view.state) === 'active' && acceptCompletion(view)) return true
    closeCompletion(view)
    run()
    return true
  }
  return [
    Prec.highest(keymap.of([
      { key: 'Enter', run: enter },
      { key: 'Mod-Enter', run: enter },
      { key: 'Shift-Enter', run: insertNewlineAndIndent },
      { key: 'Tab', run: takeCompletion },
      { key: 'Alt-/', run: startCompletion },
    ])),
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
  ]
}

export class Editor {
  readonly el = document.createElement('div')
  private readonly promql = new PromQLExtension()
  private readonly view: EditorView

  constructor(options: EditorOptions) {
    this.el.className = 'editor-host'
    const root = this.el.attachShadow({ mode: 'open' })
    this.promql.setComplete({ remote: completionRemote(document.baseURI), maxMetricsMetadata: 10_000 })
    const changed = EditorView.updateListener.of((update) => {
      if (!update.docChanged || update.transactions.some((t) => t.annotation(fromOutside))) return
      options.onChange(update.state.doc.toString())
    })
    this.view = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: options.expr,
        extensions: [
          keys(options.onRun),
          history(), bracketMatching(), closeBrackets(),
          autocompletion({ selectOnOpen: false, activateOnTypingDelay: 60, interactionDelay: 0, maxRenderedOptions: 60 }),
          this.promql.asExtension(),
          syntaxHighlighting(highlight),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': options.label, spellcheck: 'false', autocapitalize: 'off' }),
          placeholder('PromQL, for example: sum by (code) (rate(nginx_http_requests_total[5m]))'),
          placeField, theme, changed,
        ],
      }),
    })
  }

  set value(expr: string) {
    if (expr === this.view.state.doc.toString()) return
    this.view.dispatch({
      changes: { from: 0, to: this.view.state.doc.length, insert: expr },
      annotations: fromOutside.of(true),
    })
  }

  underline(place: Place | undefined): void {
    const length = this.view.state.doc.length
    const fits = place && place.to <= length && place.from < place.to ? place : undefined
    this.view.dispatch({ effects: setPlace.of(fits) })
  }

  focus(): void {
    this.view.focus()
    this.view.dispatch({ selection: { anchor: this.view.state.doc.length } })
  }

  destroy(): void {
    this.view.destroy()
    this.promql.destroy()
  }
}
