/** What a PromQL expression reads: metrics with the labels it names of each, and the labels that its result carries. */
import { parser } from '@prometheus-io/lezer-promql'

export interface Reading {
  metric: string
  /** Of its matchers and of the aggregations around it. */
  labels: string[]
}

export interface Expression {
  readings: Reading[]
  /** Labels that the outermost aggregation leaves; undefined where there is none. */
  by: string[] | undefined
}

type Node = ReturnType<typeof parser.parse>['topNode']

function descendants(node: Node, name: string): Node[] {
  const found: Node[] = []
  node.cursor().iterate(({ name: other, node: each }) => {
    if (other === name) found.push(each)
  })
  return found
}

/** @throws Error with the place, where it is no PromQL */
export function readExpression(text: string): Expression {
  const { topNode } = parser.parse(text)
  topNode.cursor().iterate(({ type, from }) => {
    if (type.isError) throw new Error(`no PromQL at ${from} of "${text}"`)
  })
  const textOf = ({ from, to }: Node) => text.slice(from, to)
  const grouping = (aggregation: Node) => {
    const modifier = aggregation.getChild('AggregateModifier')
    return modifier ? descendants(modifier, 'LabelName').map(textOf) : []
  }
  const readings = descendants(topNode, 'VectorSelector').map(selector => {
    const labels = descendants(selector, 'LabelName').map(textOf)
    for (let around = selector.parent; around; around = around.parent) {
      if (around.name === 'AggregateExpr') labels.push(...grouping(around))
    }
    return { metric: textOf(selector.getChild('Identifier')!), labels }
  })
  const [outermost] = descendants(topNode, 'AggregateExpr')
  return { readings, by: outermost && grouping(outermost) }
}
