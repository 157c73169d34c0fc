/**
 * A Python program that does the same random steps in two directories, as several users, and ends with an
 * error at the first difference between them: answers, modes, owners, ACLs. Arguments: both directories, the
 * seed, the number of steps. It never makes a mask without rights, where Linux deviates from POSIX.1e.
 */
export const ACL_STEPS = `
import errno, os, random, struct, sys

ROOTS, SEED, STEPS = sys.argv[1:3], int(sys.argv[3]), int(sys.argv[4])
rnd = random.Random(SEED)
ROOT = (0, 0, [])
USERS = [ROOT, (4001, 4001, []), (4002, 4002, [4005]), (4003, 4003, [4001, 4005]), (4004, 4004, [])]
IDS = [4001, 4002, 4003, 4005]
MODES = [0o777, 0o666, 0o644, 0o755, 0o740, 0o640, 0o2775, 0o1777, 0o070, 0o047]
MODES += [0o2666, 0o4777, 0o6766, 0o6777]
NO_ID = 0xffffffff
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"

def become(uid, gid, groups):
    os.seteuid(0)
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)

def random_acl():
    users, groups = (sorted(rnd.sample(IDS, rnd.randrange(3))) for _ in range(2))
    entries = [(1, rnd.randrange(8), NO_ID)]
    entries += [(2, rnd.randrange(8), i) for i in users]
    entries += [(4, rnd.randrange(8), NO_ID)]
    entries += [(8, rnd.randrange(8), i) for i in groups]
    if users or groups or rnd.random() < 0.3:
        entries.append((16, rnd.randrange(8) | 4, NO_ID))
    entries.append((32, rnd.randrange(8), NO_ID))
    if rnd.random() < 0.05:
        entries.pop(rnd.randrange(len(entries)))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)

def entries_of(value):
    return sorted(struct.iter_unpack("<HHI", value[4:]))

def touch(path, flags, mode=0):
    os.close(os.open(path, flags | os.O_NONBLOCK, mode))

def fill(path):
    handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    try: return os.write(handle, b"x")
    finally: os.close(handle)

dirs, others = [""], []

class Step:
    def __init__(self):
        base, name = rnd.choice(dirs), "n%d" % rnd.randrange(10**9)
        self.kind, self.who = rnd.choice(sorted(CALLS)), rnd.choice(USERS)
        self.umask, self.mode = rnd.choice([0, 0o22, 0o77, 0o27]), rnd.choice(MODES)
        self.target = rnd.choice(dirs + others) if rnd.random() < 0.95 else "missing"
        self.new = (base + "/" + name).lstrip("/")
        self.acl, self.name = random_acl(), rnd.choice([ACCESS, DEFAULT])
        self.owner = (rnd.choice(IDS), rnd.choice(IDS))

    def run(self, root):
        become(*self.who)
        old = os.umask(self.umask)
        try:
            return CALLS[self.kind](self, root + "/" + self.target, root + "/" + self.new)
        except OSError as error:
            return errno.errorcode[error.errno]
        finally:
            os.umask(old)
            become(*ROOT)

    def done(self):
        new, target = self.new, self.target
        if self.kind == "mkdir":
            dirs.append(new)
        elif self.kind in ("create", "mknod", "link"):
            others.append(new)
        elif self.kind == "unlink":
            others.remove(target)
        elif self.kind == "rename":
            inside = lambda path: path == target or path.startswith(target + "/")
            for names in dirs, others:
                names[:] = [new + path[len(target):] if inside(path) else path for path in names]

CALLS = {
    "mkdir": lambda s, _, new: os.mkdir(new, s.mode & 0o777),
    "create": lambda s, _, new: touch(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, s.mode & 0o777),
    "mknod": lambda s, _, new: os.mkfifo(new, s.mode & 0o777),
    "set": lambda s, path, _: os.setxattr(path, s.name, s.acl),
    "inherit": lambda s, path, _: os.setxattr(path, DEFAULT, s.acl),
    "drop": lambda s, path, _: os.removexattr(path, s.name),
    "chmod": lambda s, path, _: os.chmod(path, s.mode),
    "chown": lambda s, path, _: os.chown(path, *s.owner),
    "read": lambda s, path, _: touch(path, os.O_RDONLY),
    "write": lambda s, path, _: touch(path, os.O_WRONLY),
    "clear": lambda s, path, _: touch(path, os.O_WRONLY | os.O_TRUNC),
    "fill": lambda s, path, _: fill(path),
    "list": lambda s, path, _: sorted(os.listdir(path)),
    "stat": lambda s, path, _: os.stat(path).st_mode,
    "probe": lambda s, path, _: [os.access(path, how, effective_ids=True) for how in (4, 2, 1)],
    "rename": lambda s, path, new: os.rename(path, new),
    "link": lambda s, path, new: os.link(path, new),
    "unlink": lambda s, path, _: os.unlink(path),
    "truncate": lambda s, path, _: os.truncate(path, 0),
    "utime": lambda s, path, _: os.utime(path),
}

def facts(root):
    found = {}
    for top, _, files in os.walk(root):
        for path in [top] + [os.path.join(top, file) for file in files]:
            status = os.lstat(path)
            names = [name for name in os.listxattr(path) if "posix" in name]
            acls = {name: entries_of(os.getxattr(path, name)) for name in names}
            place = os.path.relpath(path, root)
            found[place] = oct(status.st_mode), status.st_uid, status.st_gid, acls
    return found

for root in ROOTS:
    os.chmod(root, 0o777)
for number in range(STEPS):
    step = Step()
    answers = [step.run(root) for root in ROOTS]
    told = [number, {**vars(step), "acl": entries_of(step.acl)}, answers]
    if answers[0] != answers[1]:
        sys.exit("seed %d: another answer: %s" % (SEED, told))
    if not isinstance(answers[0], str):
        step.done()
    if number % 20 == 0 or number == STEPS - 1:
        here, there = map(facts, ROOTS)
        differing = {place: (here.get(place), there.get(place)) for place in here.keys() | there.keys()}
        differing = {place: pair for place, pair in differing.items() if pair[0] != pair[1]}
        if differing:
            sys.exit("seed %d: another state after %s: %s" % (SEED, told, differing))
print(len(dirs) + len(others), "inodes alike")
`
