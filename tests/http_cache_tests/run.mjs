// Runs the public suite for HTTP caches (https://cache-tests.fyi) through a proxy and prints its verdicts as JSON.
//
//     node run.mjs FOLDER reverse PROXY ORIGIN [TEST]...   the suite's own way: the proxy is spoken to as a server
//     node run.mjs FOLDER forward PROXY ORIGIN [TEST]...   requests for the origin go to the proxy in absolute form
//
// Named tests are run with those that they depend on. FOLDER is where `npm ci` put the package; PROXY and ORIGIN are
// HOST:PORT, the origin being the suite's own server. The tests, the requests, the server and the verdicts are the
// package's; only the way into a forward proxy is ours. The verdicts on the run of Squid that the package carries are
// printed beside ours.

import { readFileSync } from 'node:fs'
import http from 'node:http'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [folder, role, proxy, origin, ...only] = process.argv.slice(2)
const root = path.resolve(folder, 'node_modules', 'http-cache-tests')
const load = file => import(pathToFileURL(path.join(root, file)))
const fetch = createRequire(path.join(root, 'cli.mjs'))('node-fetch')
const { runTests, getResults } = await load('client/runner.mjs')
const { determineTestResult } = await load('lib/display.mjs')
const { default: suites } = await load('tests/index.mjs')
const { default: surrogate } = await load('tests/surrogate-control.mjs')
suites.push(surrogate)

/** Sends what was meant for the origin to the proxy, in absolute form. */
class ForwardAgent extends http.Agent {
  addRequest (request, options) {
    const [host, port] = proxy.split(':')
    request.path = `http://${origin}${request.path}`
    super.addRequest(request, { ...options, host, port })
  }
}

const agent = role === 'forward' ? new ForwardAgent() : undefined
const base = `http://${role === 'forward' ? origin : proxy}`
// A verdict counts the tests that a test depends on, so those go with it.
const wanted = new Set(only)
const all = suites.flatMap(suite => suite.tests)
for (const id of wanted) all.find(test => test.id === id).depends_on?.forEach(id => wanted.add(id))
const isSelected = test => !test.browser_only && (wanted.size === 0 || wanted.has(test.id))
const selected = suites.map(suite => ({ ...suite, tests: suite.tests.filter(isSelected) }))
const bounded = (url, options) => fetch(url, { ...options, agent, timeout: 30000 })
const log = console.log
console.log = console.error // Standard output is for the verdicts alone.
await runTests(selected, bounded, false, base, 100)

// By the symbols of the package's report.
const verdicts = {
  '-': 'untested',
  '✅': 'pass',
  '⛔️': 'fail',
  '⚠️': 'not optimal',
  Y: 'yes',
  N: 'no',
  '🔹': 'setup failed',
  '⁉️': 'harness failed',
  '⚪️': 'dependency failed',
  '↻': 'retried'
}
const results = getResults()
const squid = JSON.parse(readFileSync(path.join(root, 'results', 'squid.json')))
const verdict = (test, results) => verdicts[determineTestResult(suites, test.id, results)[2]]
const message = test => Array.isArray(results[test.id]) ? results[test.id][1] : ''
log(JSON.stringify(selected.flatMap(suite => suite.tests.map(test => ({
  suite: suite.id,
  test: test.id,
  kind: test.kind ?? 'required',
  verdict: verdict(test, results),
  message: message(test),
  squid: verdict(test, squid)
})))))
process.exit(0)
