import { describe, expect, it } from 'vitest'
import { addToHistory, loadHistory, parseHistory, saveHistory } from './history'

describe('history', () => {
  it('has each query once, newest first', () => {
    let list: string[] = []
    for (const e of ['a', 'b', ' a ', '', 'c']) list = addToHistory(list, e)
    expect(list).toEqual(['c', 'a', 'b'])
  })

  it('forgets the oldest', () => {
    let list: string[] = []
    for (let i = 0; i < 150; i++) list = addToHistory(list, `q${String(i)}`)
    expect(list).toHaveLength(100)
    expect(list[0]).toBe('q149')
  })

  it.each([null, '', '{', '{"a":1}', '"x"'])('takes %s as empty', (text) => {
    expect(parseHistory(text)).toEqual([])
  })

  it('survives storage that is forbidden', () => {
    const box = {
      getItem: (): string | null => {
        throw new Error('forbidden')
      },
      setItem: (): void => {
        throw new Error('full')
      },
    }
    expect(loadHistory(box)).toEqual([])
    expect(() => { saveHistory(box, ['a']) }).not.toThrow()
  })
})
