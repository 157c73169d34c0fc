/** By which names and addresses this machine may be reached, as its certificate says. */
import { hostname, networkInterfaces } from 'node:os'

/** An answer has at most so many: more are refused by who signs. */
const HOSTS_MAX = 32

/** Those that were given, then those that the machine knows of itself. */
export function nodeHosts(given: readonly string[]): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap(each => each ?? [])
  // Addresses of one link mean nothing elsewhere.
  const own = addresses.map(({ address }) => address).filter(address => !address.startsWith('fe80:'))
  return [...new Set([...given, 'localhost', ...hostnames(), ...own])].slice(0, HOSTS_MAX)
}

function hostnames(): string[] {
  const name = hostname()
  return /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/.test(name) ? [name] : []
}
