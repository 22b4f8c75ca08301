/**
 * The software bill of materials of a build, dist/sbom.cdx.json: CycloneDX 1.6 (ECMA-424). The same packages make the same
 * octets: there is no time in it, and its serial number comes from its content.
 */
import { createHash } from 'node:crypto'
import type { Part, Shipped } from './packages.ts'

export interface Product {
  readonly name: string
  readonly version: string
  readonly description: string
  /** SPDX expression. */
  readonly license: string
}

const ROLES: Readonly<Record<Part, { readonly scope: 'required' | 'optional'; readonly text: string }>> = {
  bundle: { scope: 'required', text: 'in the bundles of dist/' },
  runtime: { scope: 'required', text: 'the Node.js binary; one of them, by the processor of the machine' },
  beside: { scope: 'optional', text: 'in node_modules/; loaded where a kubeconfig asks for logins' },
}

export function sbom(product: Product, shipped: readonly Shipped[]): string {
  const self = referenceOf(product)
  const names = new Map(shipped.map(each => [each.name, each]))
  const references = (needs: readonly string[]) => needs.map(name => referenceOf(names.get(name)!))
  const content = {
    metadata: {
      component: {
        'bom-ref': self,
        type: 'application',
        name: product.name,
        version: product.version,
        description: product.description,
        licenses: licencesOf(product.license),
        purl: self,
      },
    },
    components: shipped.map(componentOf),
    dependencies: [
      { ref: self, dependsOn: shipped.map(referenceOf) },
      ...shipped.map(each => ({ ref: referenceOf(each), dependsOn: references(each.needs) })),
    ],
  }
  const bill = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: serialOf(JSON.stringify(content)),
    version: 1,
    ...content,
  }
  return `${JSON.stringify(bill, undefined, 2)}\n`
}

function componentOf(shipped: Shipped) {
  const { name, version, part, license, integrity } = shipped
  return {
    'bom-ref': referenceOf(shipped),
    type: part === 'runtime' ? 'platform' : 'library',
    name,
    version,
    scope: ROLES[part].scope,
    description: ROLES[part].text,
    ...(integrity !== undefined && { hashes: [hashOf(integrity)] }),
    ...(license !== undefined && { licenses: licencesOf(license) }),
    // Flaws of Node.js are filed under its own name, not under that of the package that carries it.
    ...(part === 'runtime' && { cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*` }),
    purl: referenceOf(shipped),
  }
}

/** Its package URL (purl): an `@` that begins a scope is percent-encoded. */
function referenceOf({ name, version }: { readonly name: string; readonly version: string }): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`
}

function licencesOf(license: string) {
  return /[ ()]/.test(license) ? [{ expression: license }] : [{ license: { id: license } }]
}

/** Of the package's tarball, as npm checks it. */
function hashOf(integrity: string) {
  const [, base64] = /^sha512-([A-Za-z0-9+/=]+)$/.exec(integrity) ?? []
  if (base64 === undefined) throw new Error(`integrity "${integrity}", expected sha512`)
  return { alg: 'SHA-512', content: Buffer.from(base64, 'base64').toString('hex') }
}

/** A UUID of version 8 (RFC 9562 §5.8), made of a hash of the content. */
function serialOf(content: string): string {
  const octets = createHash('sha256').update(content).digest().subarray(0, 16)
  octets[6] = (octets[6]! & 0x0f) | 0x80
  octets[8] = (octets[8]! & 0x3f) | 0x80
  const hex = octets.toString('hex')
  return `urn:uuid:${hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}`
}
