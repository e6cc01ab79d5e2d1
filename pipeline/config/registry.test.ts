import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { loadConfig, loadRegistryConfig } from './config.js'
import { ConfigProblems } from './problems.js'

const folder = mkdtempSync(join(tmpdir(), 'carillon-registry-config-'))
const CARILLON_CONFIG = join(folder, 'carillon.yaml')
const caFile = join(folder, 'ca.pem')
writeFileSync(caFile, '')
afterAll(() => rmSync(folder, { recursive: true }))

/** What the registry is used with, by both ways to load it, or the problems. */
function registryOf(yaml: string, environment: Record<string, string>): unknown {
  writeFileSync(CARILLON_CONFIG, yaml)
  const given = { CARILLON_CONFIG, ...environment }
  const [whole, alone] = [() => loadConfig(given).registry, () => loadRegistryConfig(given)].map((load) => {
    try {
      return load()
    } catch (error) {
      if (error instanceof ConfigProblems) return error.problems
      throw error
    }
  })
  expect(alone).toEqual(whole)
  return whole
}

const CARILLON_REGISTRY = 'https://registry.example:8081/apis/ccompat/v7/'
const plain = {
  url: 'https://registry.example:8081/apis/ccompat/v7',
  ...{ username: null, password: null, caFile: null, timeoutMs: 5000, autoRegister: false },
}

test('there is none unless its URL is set', () => {
  expect(registryOf('registry: { timeoutMs: 1000 }', {})).toBe(null)
  expect(registryOf('', { CARILLON_REGISTRY })).toEqual(plain)
})

test('the file says how it is used', () => {
  const yaml = `registry: { username: ann, passwordEnv: REGISTRY_PASSWORD, caFile: ${caFile}, timeoutMs: 1000, autoRegister: true }`
  expect(registryOf(yaml, { CARILLON_REGISTRY, REGISTRY_PASSWORD: 'hunter2' })).toEqual({
    ...plain,
    ...{ username: 'ann', password: 'hunter2', caFile, timeoutMs: 1000, autoRegister: true },
  })
})

test('credentials in the URL are taken out of it', () => {
  const url = 'https://zo%C3%AB:p%40ss:word@registry.example:8081/apis/ccompat/v7'
  expect(registryOf('', { CARILLON_REGISTRY: url })).toEqual({ ...plain, username: 'zoë', password: 'p@ss:word' })
})

test('problems are told without a secret', () => {
  const both = 'https://ann:hunter2%zz@registry.example'
  expect(registryOf('registry: { username: ann, caFile: /nowhere/ca.pem }', { CARILLON_REGISTRY: both })).toEqual([
    'registry.username in carillon.yaml: is in CARILLON_REGISTRY too; keep one',
    'registry in carillon.yaml: has only one of username and passwordEnv; give both, or none',
    'registry.caFile in carillon.yaml: cannot be read (ENOENT); it must be a file that Carillon may read',
    'CARILLON_REGISTRY: its user and password must be percent-encoded',
  ])
  expect(registryOf('registry: { username: ann, passwordEnv: REGISTRY_PASSWORD }', { CARILLON_REGISTRY })).toEqual([
    'registry.passwordEnv in carillon.yaml: the variable REGISTRY_PASSWORD is not set; set it to the password',
  ])
  expect(registryOf('registry: { username: "a:b", timeoutMs: 1 }', { CARILLON_REGISTRY })).toEqual([
    'registry.username in carillon.yaml: must be the user’s name, without a colon',
    'registry.timeoutMs in carillon.yaml: must be a whole number from 100 to 60000',
  ])
})
