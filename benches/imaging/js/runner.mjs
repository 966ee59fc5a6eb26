// sharp's side: thumbnails by libvips, timed by the process itself.
// Asked and answered as benches/pictures/src/protocol.rs says.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import sharp from 'sharp'

// One thread, as ours; and nothing remembered from one time to the next.
sharp.concurrency(1)
sharp.cache(false)
sharp.simd(true)

// The largest first: what is chained is made from what is larger.
const SHAPES = [
  { name: '800x600/scale', width: 800, height: 600, fit: 'inside' },
  { name: '640x480/scale', width: 640, height: 480, fit: 'inside' },
  { name: '320x240/scale', width: 320, height: 240, fit: 'inside' },
  { name: '96x96/crop', width: 96, height: 96, fit: 'cover' },
  { name: '32x32/crop', width: 32, height: 32, fit: 'cover' },
]

const resize = (picture, { width, height, fit }) => picture.resize({ width, height, fit, withoutEnlargement: true })

const open = (source) => sharp(source, { limitInputPixels: false }).autoOrient()

const encode = async (picture, shape, formats) => {
  const format = formats[shape.name] ?? 'jpeg'
  // For PNG `quality` would mean a palette.
  const options = format === 'png' ? {} : { quality: 80 }
  const { data, info } = await picture.toFormat(format, options).toBuffer({ resolveWithObject: true })
  return { shape: shape.name, format, width: info.width, height: info.height, data }
}

const pixels = async (picture) => {
  const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  return () => sharp(data, { raw: { width, height, channels } })
}

const WORK = {
  // The largest alone.
  one: async (source, formats) => [await encode(resize(open(source), SHAPES[0]), SHAPES[0], formats)],

  // All five, each from the bytes: what one writes who does not think about it.
  five: async (source, formats) => {
    const made = []
    for (const shape of SHAPES) made.push(await encode(resize(open(source), shape), shape, formats))
    return made
  },

  // All five from the pixels of the largest.
  fan: async (source, formats) => {
    const largest = await pixels(resize(open(source), SHAPES[0]))
    const made = [await encode(largest(), SHAPES[0], formats)]
    for (const shape of SHAPES.slice(1)) made.push(await encode(resize(largest(), shape), shape, formats))
    return made
  },

  // All five, each from the pixels of the next larger one; the crops both from the smallest that is whole.
  chain: async (source, formats) => {
    let larger = await pixels(resize(open(source), SHAPES[0]))
    const made = [await encode(larger(), SHAPES[0], formats)]
    for (const shape of SHAPES.slice(1)) {
      if (shape.fit === 'inside') {
        larger = await pixels(resize(larger(), shape))
        made.push(await encode(larger(), shape, formats))
      } else {
        made.push(await encode(resize(larger(), shape), shape, formats))
      }
    }
    return made
  },

  // Where the time of `one` goes: its pixels without their encoding.
  decode: async (source) => {
    await resize(open(source), SHAPES[0]).raw().toBuffer()
    return []
  },
}

const milliseconds = ({ user, system }) => (user + system) / 1e3

const make = async (source, { work, formats, at_least_ms, at_most }) => {
  const began = performance.now()
  const cpu_ms = []
  const wall_ms = []
  for (;;) {
    const wall = performance.now()
    const cpu = process.cpuUsage()
    const pictures = await WORK[work](source, formats ?? {})
    cpu_ms.push(milliseconds(process.cpuUsage(cpu)))
    wall_ms.push(performance.now() - wall)
    if (cpu_ms.length >= at_most || performance.now() - began >= at_least_ms) return { cpu_ms, wall_ms, pictures }
  }
}

let source = null
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  let answer
  if (request.do === 'load') {
    source = readFileSync(request.file)
    answer = { bytes: source.length }
  } else {
    answer = await make(source, request)
    for (const { shape, format, data } of request.keep ? answer.pictures : []) {
      writeFileSync(join(request.keep, `${shape.replace('/', '-')}.${format}`), data)
    }
    answer.pictures = answer.pictures.map(({ data, ...picture }) => ({ ...picture, bytes: data.length }))
  }
  console.log(JSON.stringify(answer))
}
