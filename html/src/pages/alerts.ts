// Alerts: rules by group and file, what fires and since when.

import { errorText, isAbort } from '../api/client'
import { rules, type Rule, type RuleGroup } from '../api/rules'
import { Segmented, searchField, tickTimes, timeAgo } from '../components/bits'
import { makeRule, updateRule } from '../components/rule'
import { empty, failure, loading, notice } from '../components/state'
import { fill, h, syncList } from '../lib/dom'
import { formatDuration } from '../lib/duration'
import { poll, type Poll } from '../lib/poll'
import type { PageContext, PageMaker } from '../page'
import { FILTERS, countBy, filterGroups, type Filter } from './alerts_filter'

const EVERY = 10_000

class Alerts {
  readonly el = h('div', { class: 'page' })
  private readonly filters: Segmented
  private readonly search: HTMLInputElement
  private readonly problem = h('div', { hidden: true })
  private readonly note = h('div', {}, loading())
  private readonly list = h('div', { class: 'groups' })
  private readonly polling: Poll
  private groups: RuleGroup[] | undefined
  // what a person opened or closed; others are open where something burns
  private readonly opened = new Map<string, boolean>()

  constructor(private readonly context: PageContext) {
    this.filters = new Segmented('State', (state) => { this.go({ state: state === 'all' ? undefined : state }) })
    this.search = searchField('Search names, labels, queries', context.params.get('q') ?? '', (q) => { this.go({ q }) })
    fill(this.el, h('div', { class: 'page-head' }, h('h1', {}, 'Alerts'), this.search, this.filters.el), this.problem, this.note, this.list)
    this.polling = poll((signal) => this.refresh(signal), EVERY, context.signal)
    const clock = window.setInterval(() => { tickTimes(this.el) }, 1000)
    context.signal.addEventListener('abort', () => { window.clearInterval(clock) })
  }

  update(params: URLSearchParams): void {
    this.context.params = params
    if (document.activeElement !== this.search) this.search.value = params.get('q') ?? ''
    this.show()
  }

  private go(changed: Record<string, string | undefined>): void {
    const { params } = this.context
    this.context.go({ q: params.get('q') ?? undefined, state: params.get('state') ?? undefined, ...changed }, true)
  }

  private get filter(): Filter {
    const state = this.context.params.get('state')
    return FILTERS.find((f) => f === state) ?? 'all'
  }

  private async refresh(signal: AbortSignal): Promise<void> {
    try {
      this.groups = await rules(signal)
      this.problem.hidden = true
      this.show()
    } catch (error) {
      if (isAbort(error) || signal.aborted) return
      if (!this.groups) fill(this.note, failure(errorText(error), () => { this.polling.now() }))
      else {
        this.problem.hidden = false
        fill(this.problem, notice('bad', errorText(error)))
      }
    }
  }

  private show(): void {
    if (!this.groups) return
    const counts = countBy(this.groups)
    const offered = FILTERS.filter((f) => f !== 'failing' || counts.failing > 0 || this.filter === 'failing')
    this.filters.show(offered.map((f) => ({ value: f, text: `${f[0]?.toUpperCase() ?? ''}${f.slice(1)} ${String(counts[f])}` })), this.filter)
    const shown = filterGroups(this.groups, this.filter, this.context.params.get('q') ?? '')
    if (this.groups.length === 0) fill(this.note, empty('No rules', 'Name rule files in prometheus.yml under rule_files.'))
    else if (shown.length === 0) fill(this.note, empty('No rule matches'))
    else this.note.replaceChildren()
    syncList(this.list, shown, {
      key: (g) => `${g.file} ${g.name}`,
      shape: (g) => String(g.interval),
      make: (g) => h('section', { class: 'card group' },
        h('div', { class: 'card-head' }, h('h2', {}, g.name), h('span', { class: 'muted small mono' }, g.file),
          h('span', { class: 'muted small' }, `every ${formatDuration(g.interval)}, last `, timeAgo(g.lastEvaluation))),
        h('div', { class: 'rules' })),
      update: (el, g) => { this.showRules(el, g) },
    })
    tickTimes(this.el)
  }

  private showRules(el: HTMLElement, group: RuleGroup): void {
    const time = el.querySelector<HTMLElement>('.card-head time')
    if (time && group.lastEvaluation !== undefined) time.dataset.at = String(group.lastEvaluation)
    const list = el.querySelector('.rules')
    if (!list) return
    // two rules of a group may bear one name
    const keyed = group.rules.map((rule, i) => ({ rule, key: `${group.file} ${group.name} ${String(i)} ${rule.name} ${rule.query}` }))
    syncList(list, keyed, {
      key: (r) => r.key,
      shape: ({ rule }) => ruleShape(rule),
      make: ({ rule, key }) => makeRule(rule, this.opened.get(key) ?? burns(rule), (open) => { this.opened.set(key, open) }),
      update: (row, { rule }) => { updateRule(row, rule) },
    })
  }
}

// values change with each evaluation, and are updated in place
function ruleShape(rule: Rule): string {
  const alerts = rule.alerts.map((a) => [a.state, a.activeAt, a.labels, a.annotations])
  return JSON.stringify([rule.state, rule.health, rule.lastError, rule.lastEvaluation === undefined, alerts])
}

function burns(rule: Rule): boolean {
  return rule.state === 'firing' || rule.health === 'err'
}

export const alertsPage: PageMaker = (context) => new Alerts(context)
