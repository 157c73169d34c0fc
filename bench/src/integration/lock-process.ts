/**
 * A process that locks files when it is told to: an interpreter with one command per line, since locks belong
 * to processes. Test only.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Answers each line of JSON with `ok`, a value, or the name of an error. */
const PROGRAM = `
import errno, fcntl, json, os, signal, struct, sys
class Alarm(Exception): pass
def ring(*_): raise Alarm()
signal.signal(signal.SIGALRM, ring)
files = {}
def area(kind, start, length): return struct.pack("hhqqi", kind, 0, start, length, 0)
KINDS = {"r": fcntl.F_RDLCK, "w": fcntl.F_WRLCK, "u": fcntl.F_UNLCK}
def run(c):
    what = c["do"]
    if what == "open":
        files[c["name"]] = os.open(c["path"], os.O_RDWR | os.O_CREAT, 0o666); return "ok"
    fd = files[c["name"]]
    if what == "close":
        os.close(files.pop(c["name"])); return "ok"
    if what in ("posix", "ofd"):
        wait = c.get("wait", False)
        command = {("posix", False): fcntl.F_SETLK, ("posix", True): fcntl.F_SETLKW,
                   ("ofd", False): fcntl.F_OFD_SETLK, ("ofd", True): fcntl.F_OFD_SETLKW}[(what, wait)]
        if "alarm" in c: signal.setitimer(signal.ITIMER_REAL, c["alarm"])
        try: fcntl.fcntl(fd, command, area(KINDS[c["type"]], c["start"], c["length"]))
        finally: signal.setitimer(signal.ITIMER_REAL, 0)
        return "ok"
    if what == "flock":
        flags = {"r": fcntl.LOCK_SH, "w": fcntl.LOCK_EX, "u": fcntl.LOCK_UN}[c["type"]]
        fcntl.flock(fd, flags | (0 if c.get("wait", False) else fcntl.LOCK_NB)); return "ok"
    if what == "test":
        found = fcntl.fcntl(fd, fcntl.F_GETLK, area(KINDS[c["type"]], c["start"], c["length"]))
        kind, _, start, length, pid = struct.unpack("hhqqi", found)
        return "free" if kind == fcntl.F_UNLCK else "%s %d %d" % ("rw"[kind], start, length)
    if what == "read": return os.pread(fd, 100, 0).decode()
    if what == "write": os.pwrite(fd, c["text"].encode(), 0); return "ok"
print("ready", flush=True)
for line in sys.stdin:
    try: answer = run(json.loads(line))
    except Alarm: answer = "interrupted"
    except OSError as e: answer = errno.errorcode[e.errno].replace("EDEADLOCK", "EDEADLK")
    print(answer, flush=True)
`

export type LockLetter = 'r' | 'w' | 'u'

export interface LockCommand {
  readonly type: LockLetter
  readonly start?: number
  /** 0: to the end of the file. */
  readonly length?: number
  readonly wait?: boolean
  /** Seconds until a signal interrupts it. */
  readonly alarm?: number
  readonly name?: string
}

export class LockProcess {
  readonly #child: ChildProcess
  readonly #answers: ((answer: string) => void)[] = []

  private constructor(child: ChildProcess) {
    this.#child = child
    if (child.stdout === null) throw new Error('no output')
    createInterface({ input: child.stdout }).on('line', line => this.#answers.shift()?.(line))
  }

  /** Opens a file for reading and writing, made if it is missing. */
  static async start(path: string): Promise<LockProcess> {
    const child = spawn('python3', ['-c', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] })
    const started = new LockProcess(child)
    await new Promise<string>(resolve => started.#answers.push(resolve))
    await started.open(path)
    return started
  }

  async open(path: string, name = 'f'): Promise<void> {
    const answer = await this.#ask({ do: 'open', path, name })
    if (answer !== 'ok') throw new Error(`${path} cannot be opened: ${answer}`)
  }

  close(name = 'f'): Promise<string> {
    return this.#ask({ do: 'close', name })
  }

  posix(command: LockCommand): Promise<string> {
    return this.#ask({ do: 'posix', name: 'f', start: 0, length: 0, ...command })
  }

  ofd(command: LockCommand): Promise<string> {
    return this.#ask({ do: 'ofd', name: 'f', start: 0, length: 0, ...command })
  }

  flock(command: LockCommand): Promise<string> {
    return this.#ask({ do: 'flock', name: 'f', ...command })
  }

  test(command: LockCommand): Promise<string> {
    return this.#ask({ do: 'test', name: 'f', start: 0, length: 0, ...command })
  }

  read(): Promise<string> {
    return this.#ask({ do: 'read', name: 'f' })
  }

  write(text: string): Promise<string> {
    return this.#ask({ do: 'write', name: 'f', text })
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }

  #ask(command: Record<string, unknown>): Promise<string> {
    return new Promise(resolve => {
      this.#answers.push(resolve)
      this.#child.stdin?.write(`${JSON.stringify(command)}\n`)
    })
  }
}
