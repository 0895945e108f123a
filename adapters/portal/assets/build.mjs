// Copies what the portal takes from npm into dist, where the Go program embeds it: the font in the three weights
// and subsets the pages use, a stylesheet that names it, htmx, and their licences. Run after npm ci.
import { createHash } from 'node:crypto'
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const dist = join(here, 'dist')
const font = join(here, 'node_modules/@fontsource/be-vietnam-pro')
const htmx = join(here, 'node_modules/htmx.org')

await mkdir(dist, { recursive: true })
for (const old of await readdir(dist)) if (old !== '.keep') await rm(join(dist, old), { recursive: true })

let sheet = ''
for (const weight of [400, 600, 700]) {
  const source = await readFile(join(font, `${weight}.css`), 'utf8')
  for (const face of source.match(/@font-face\s*{[^}]*}/g)) {
    const file = face.match(/files\/([\w-]+\.woff2)/)[1]
    const body = await readFile(join(font, 'files', file))
    const name = file.replace('.woff2', '.' + createHash('sha256').update(body).digest('hex').slice(0, 12) + '.woff2')
    await writeFile(join(dist, name), body)
    sheet += face.replace(/src:[^;]*;/, `src: url(${name}) format('woff2');`) + '\n'
  }
}
if (!sheet.includes('vietnamese')) throw new Error('couldn\'t find the Vietnamese subset of the font')
await writeFile(join(dist, 'fonts.css'), sheet)
await copyFile(join(htmx, 'dist/htmx.min.js'), join(dist, 'htmx.js'))
await copyFile(join(font, 'LICENSE'), join(dist, 'be-vietnam-pro.LICENSE.txt'))
await copyFile(join(htmx, 'LICENSE'), join(dist, 'htmx.LICENSE.txt'))
console.log('portal assets:', (await readdir(dist)).length - 1, 'files in dist')
