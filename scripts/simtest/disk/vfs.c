#include "vfs.h"
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern int sqlite3_vfs_register(sqlite3_vfs*, int);

enum { OK = 0, BUSY = 5, NOMEM = 7, FULL = 13, CANTOPEN = 14, NOTFOUND = 12, IOERR = 10,
       IOERR_READ = IOERR | 1 << 8, IOERR_SHORT_READ = IOERR | 2 << 8, IOERR_WRITE = IOERR | 3 << 8,
       IOERR_FSYNC = IOERR | 4 << 8, IOERR_TRUNCATE = IOERR | 6 << 8, IOERR_DELETE_NOENT = IOERR | 23 << 8 };
enum { OPEN_CREATE = 4 };
enum { NONE, SHARED, RESERVED, PENDING, EXCLUSIVE };
enum { SHM_UNLOCK = 1, SHM_LOCK = 2, SHM_SHARED = 4, SHM_EXCLUSIVE = 8, SHM_LOCKS = 8 };
enum { SECTOR = 512, NAMES = 16, NAME = 40, REGIONS = 64, PLANS = 64 };

// span is what was written of a sector since the last sync: nothing when to is 0.
typedef struct { uint16_t from, to; } span;

// inode is a file: what programs see, and what the disk is sure to have.
typedef struct inode {
  unsigned char *now, *safe; // of room bytes each; beyond size both are zero
  span *dirty;
  long size, safe_size, room;
  long first, last; // sectors that may be dirty; first > last: none
  struct shm *shm;
} inode;

// shm is the index of a write-ahead log: memory that the programs of one machine share.
typedef struct shm {
  void *region[REGIONS];
  int pages, refs;
} shm;

typedef struct handle {
  sqlite3_file base;
  inode *of;
  disk *d;
  process *p;
  shm *mapped;
  struct handle *next;
  int level, temporary;
  uint16_t shared, exclusive;
} handle;

typedef struct { char name[NAME]; inode *now, *safe; } entry;
typedef struct { int at; inode *to; } change; // of the folder; to NULL: deleted

struct process { disk *d; process *next; long ops, strike; int fault, struck, dead; };

struct disk {
  entry folder[NAMES];
  change pending[PLANS];
  inode *inodes[4 * PLANS];
  int count, changes, open;
  long quota; // below 0: none
  handle *handles;
  process *processes;
};

static pthread_mutex_t world = PTHREAD_MUTEX_INITIALIZER;
#define ENTER pthread_mutex_lock(&world)
#define LEAVE(what) do { int leaving = (what); pthread_mutex_unlock(&world); return leaving; } while (0)

// ---- files

static int grow(inode *f, long size) {
  if (size <= f->room) return 1;
  long room = f->room ? f->room : 64 << 10;
  while (room < size) room *= 2;
  unsigned char *now = calloc(1, room), *safe = calloc(1, room);
  span *dirty = calloc(room / SECTOR, sizeof(span));
  if (!now || !safe || !dirty) { free(now); free(safe); free(dirty); return 0; }
  if (f->size) memcpy(now, f->now, f->size);
  if (f->safe_size) memcpy(safe, f->safe, f->safe_size);
  if (f->room) memcpy(dirty, f->dirty, f->room / SECTOR * sizeof(span));
  free(f->now); free(f->safe); free(f->dirty);
  f->now = now; f->safe = safe; f->dirty = dirty; f->room = room;
  return 1;
}

static void mark(inode *f, long from, long to) {
  for (long s = from / SECTOR; s * SECTOR < to; s++) {
    long lo = from > s * SECTOR ? from - s * SECTOR : 0, hi = to < (s + 1) * SECTOR ? to - s * SECTOR : SECTOR;
    span *d = &f->dirty[s];
    if (d->to == 0) { d->from = lo; d->to = hi; }
    else { if (lo < d->from) d->from = lo; if (hi > d->to) d->to = hi; }
    if (s < f->first) f->first = s;
    if (s > f->last) f->last = s;
  }
}

// clean says that nothing is dirty.
static void clean(inode *f) { f->first = f->room / SECTOR + 1; f->last = -1; }

static void settle(inode *f) {
  for (long s = f->first; s <= f->last; s++) {
    span *d = &f->dirty[s];
    if (d->to) memcpy(f->safe + s * SECTOR + d->from, f->now + s * SECTOR + d->from, d->to - d->from);
    d->from = d->to = 0;
  }
  if (f->size < f->safe_size) memset(f->safe + f->size, 0, f->safe_size - f->size);
  f->safe_size = f->size;
  clean(f);
}

static disk nowhere = {.quota = -1};
static process nobody = {.d = &nowhere};

static inode *make(disk *d) {
  if (d && d->count == 4 * PLANS) return NULL;
  inode *f = calloc(1, sizeof *f);
  if (f && !grow(f, 1)) { free(f); return NULL; }
  if (f) clean(f);
  if (f && d) d->inodes[d->count++] = f;
  return f;
}

static void discard(inode *f) { free(f->now); free(f->safe); free(f->dirty); free(f); }

// ---- the folder: like ext4 it keeps its changes in order, and any sync makes all before it safe

static entry *find(disk *d, const char *name, int make_one) {
  entry *empty = NULL;
  for (int i = 0; i < NAMES; i++) {
    entry *e = &d->folder[i];
    if (e->name[0] && strcmp(e->name, name) == 0) return e;
    if (!e->name[0] && !empty) empty = e;
  }
  if (!make_one || !empty || strlen(name) >= NAME) return NULL;
  strcpy(empty->name, name);
  return empty;
}

static void commit_names(disk *d, int upto) {
  for (int i = 0; i < upto; i++) d->folder[d->pending[i].at].safe = d->pending[i].to;
  d->changes = 0;
}

static void rename_to(disk *d, entry *e, inode *to) {
  if (d->changes == PLANS) commit_names(d, d->changes); // the file system's own moment
  e->now = to;
  d->pending[d->changes++] = (change){(int)(e - d->folder), to};
}

// parse reads "/disk/process/name".
static process *parse(const char *path, const char **name) {
  void *p = NULL;
  int used = 0;
  if (!path || sscanf(path, "/%p/%n", &p, &used) != 1 || !used) return NULL;
  *name = path + used;
  return p;
}

// end ends a process: what it wrote stays, what it locked is free, and nothing it still does counts.
static void end(process *p) {
  p->dead = 1;
  for (handle *h = p->d->handles; h; h = h->next) if (h->p == p) { h->level = NONE; h->shared = h->exclusive = 0; }
  for (handle *h = p->d->handles; h; h = h->next) {
    if (h->p != p || !h->mapped || h->of->shm != h->mapped) continue;
    int alive = 0;
    for (handle *o = p->d->handles; o; o = o->next) if (!o->p->dead && o->mapped == h->mapped) alive = 1;
    if (!alive) h->of->shm = NULL; // its memory goes with the last handle
  }
}

// strike counts an operation that changes the disk, and tells whether it fails and how.
enum { WRITING = 1, SYNCING = 2, NAMING = 4 };
static int strike(process *p, int what, int error) {
  if (p->dead) return error;
  p->ops++;
  if (p->fault == NO_FAULT || p->struck || p->ops < p->strike) return OK;
  switch (p->fault) {
  case DIE: p->struck = 1; end(p); return error;
  case SYNC_FAILS: if (what != SYNCING) return OK; p->struck = 1; return IOERR_FSYNC;
  case WRITE_FAILS: if (what != WRITING) return OK; p->struck = 1; return IOERR_WRITE;
  case NO_SPACE: if (what != WRITING) return OK; p->struck = 1; return FULL;
  }
  return OK;
}

static long used(disk *d) {
  long sum = 0;
  for (int i = 0; i < NAMES; i++) if (d->folder[i].now) sum += d->folder[i].now->size;
  return sum;
}

// ---- one open file

static int x_close(sqlite3_file *file) {
  handle *h = (handle*)file;
  ENTER;
  for (handle **at = &h->d->handles; *at; at = &(*at)->next) if (*at == h) { *at = h->next; break; }
  if (h->mapped && --h->mapped->refs == 0) {
    if (h->of->shm == h->mapped) h->of->shm = NULL;
    for (int i = 0; i < h->mapped->pages; i++) free(h->mapped->region[i]);
    free(h->mapped);
  }
  if (h->temporary) discard(h->of); else h->d->open--;
  LEAVE(OK);
}

static int x_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at) {
  handle *h = (handle*)file;
  ENTER;
  if (h->p->dead) LEAVE(IOERR_READ);
  long have = h->of->size - at;
  if (have >= n) { memcpy(to, h->of->now + at, n); LEAVE(OK); }
  if (have < 0) have = 0;
  if (have) memcpy(to, h->of->now + at, have);
  memset((char*)to + have, 0, n - have);
  LEAVE(IOERR_SHORT_READ);
}

static int x_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at) {
  handle *h = (handle*)file;
  ENTER;
  int rc = strike(h->p, WRITING, IOERR_WRITE);
  if (rc) LEAVE(rc);
  inode *f = h->of;
  if (at + n > f->size) {
    if (h->d->quota >= 0 && used(h->d) + at + n - f->size > h->d->quota) LEAVE(FULL);
    if (!grow(f, at + n)) LEAVE(NOMEM);
    f->size = at + n;
  }
  memcpy(f->now + at, from, n);
  mark(f, at, at + n);
  LEAVE(OK);
}

static int x_truncate(sqlite3_file *file, sqlite3_int64 size) {
  handle *h = (handle*)file;
  ENTER;
  int rc = strike(h->p, WRITING, IOERR_TRUNCATE);
  if (rc) LEAVE(rc);
  inode *f = h->of;
  if (size < f->size) { memset(f->now + size, 0, f->size - size); mark(f, size, f->size); f->size = size; }
  LEAVE(OK);
}

static int x_sync(sqlite3_file *file, int flags) {
  handle *h = (handle*)file;
  (void)flags;
  ENTER;
  int rc = strike(h->p, SYNCING, IOERR_FSYNC);
  if (rc) LEAVE(rc);
  settle(h->of);
  commit_names(h->d, h->d->changes);
  LEAVE(OK);
}

static int x_size(sqlite3_file *file, sqlite3_int64 *size) {
  handle *h = (handle*)file;
  ENTER;
  *size = h->of->size;
  LEAVE(h->p->dead ? IOERR : OK);
}

static int others(handle *h, int level) {
  for (handle *o = h->d->handles; o; o = o->next) if (o != h && o->of == h->of && o->level >= level) return 1;
  return 0;
}

static int x_lock(sqlite3_file *file, int level) {
  handle *h = (handle*)file;
  ENTER;
  if (h->p->dead) LEAVE(IOERR);
  if (level <= h->level) LEAVE(OK);
  if (level == SHARED && others(h, PENDING)) LEAVE(BUSY);
  if (level >= RESERVED && others(h, RESERVED)) LEAVE(BUSY);
  if (level == EXCLUSIVE && others(h, SHARED)) { h->level = PENDING; LEAVE(BUSY); }
  h->level = level;
  LEAVE(OK);
}

static int x_unlock(sqlite3_file *file, int level) {
  handle *h = (handle*)file;
  ENTER;
  if (level < h->level) h->level = level;
  LEAVE(OK);
}

static int x_reserved(sqlite3_file *file, int *held) {
  handle *h = (handle*)file;
  ENTER;
  *held = h->level >= RESERVED || others(h, RESERVED);
  LEAVE(OK);
}

static int x_control(sqlite3_file *file, int op, void *arg) { (void)file; (void)op; (void)arg; return NOTFOUND; }
static int x_sector(sqlite3_file *file) { (void)file; return 4096; } // both as SQLite says on Linux
static int x_traits(sqlite3_file *file) { (void)file; return 0x1000; } // a write harms no byte beside it

static int x_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **at) {
  handle *h = (handle*)file;
  ENTER;
  *at = NULL;
  if (h->p->dead || page >= REGIONS) LEAVE(IOERR);
  if (!h->mapped) {
    if (!h->of->shm && !(h->of->shm = calloc(1, sizeof(shm)))) LEAVE(NOMEM);
    h->mapped = h->of->shm;
    h->mapped->refs++;
  }
  shm *s = h->mapped;
  if (page >= s->pages && !extend) LEAVE(OK);
  while (s->pages <= page) {
    if (!(s->region[s->pages] = calloc(1, size))) LEAVE(NOMEM);
    s->pages++;
  }
  *at = s->region[page];
  LEAVE(OK);
}

static int x_shm_lock(sqlite3_file *file, int first, int n, int flags) {
  handle *h = (handle*)file;
  uint16_t mask = (uint16_t)(((1 << n) - 1) << first);
  ENTER;
  if (flags & SHM_UNLOCK) { h->shared &= ~mask; h->exclusive &= ~mask; LEAVE(OK); }
  if (h->p->dead) LEAVE(IOERR);
  for (handle *o = h->d->handles; o; o = o->next) {
    if (o == h || !o->mapped || o->mapped != h->mapped) continue;
    if (o->exclusive & mask || (flags & SHM_EXCLUSIVE && o->shared & mask)) LEAVE(BUSY);
  }
  if (flags & SHM_EXCLUSIVE) h->exclusive |= mask; else h->shared |= mask;
  LEAVE(OK);
}

static void x_shm_barrier(sqlite3_file *file) { (void)file; __sync_synchronize(); }

static int x_shm_unmap(sqlite3_file *file, int remove) {
  handle *h = (handle*)file;
  (void)remove; // the next to map it begins anew, as after the last one left
  ENTER;
  if (h->mapped && --h->mapped->refs == 0) {
    if (h->of->shm == h->mapped) h->of->shm = NULL;
    for (int i = 0; i < h->mapped->pages; i++) free(h->mapped->region[i]);
    free(h->mapped);
  }
  h->mapped = NULL; h->shared = h->exclusive = 0;
  LEAVE(OK);
}

static const sqlite3_io_methods methods = {
  2, x_close, x_read, x_write, x_truncate, x_sync, x_size, x_lock, x_unlock, x_reserved, x_control, x_sector, x_traits,
  x_shm_map, x_shm_lock, x_shm_barrier, x_shm_unmap,
};

// ---- the file system

static int x_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out) {
  handle *h = (handle*)file;
  const char *name;
  (void)vfs;
  memset(h, 0, sizeof *h);
  ENTER;
  if (!path) { // for SQLite's own use: it is on no disk, and nothing happens to it
    inode *f = make(NULL);
    if (!f) LEAVE(NOMEM);
    h->base.pMethods = &methods;
    h->of = f; h->d = &nowhere; h->p = &nobody; h->temporary = 1;
    h->next = nowhere.handles;
    nowhere.handles = h;
    if (out) *out = flags;
    LEAVE(OK);
  }
  process *p = parse(path, &name);
  if (!p || p->dead) LEAVE(CANTOPEN);
  entry *e = find(p->d, name, flags & OPEN_CREATE);
  if (!e) LEAVE(CANTOPEN);
  if (!e->now) {
    if (!(flags & OPEN_CREATE)) LEAVE(CANTOPEN);
    int rc = strike(p, NAMING, CANTOPEN);
    if (rc) LEAVE(rc);
    inode *f = make(p->d);
    if (!f) LEAVE(NOMEM);
    rename_to(p->d, e, f);
  }
  h->base.pMethods = &methods;
  h->of = e->now; h->d = p->d; h->p = p;
  h->next = p->d->handles;
  p->d->handles = h;
  p->d->open++;
  if (out) *out = flags;
  LEAVE(OK);
}

static int x_delete(sqlite3_vfs *vfs, const char *path, int sync) {
  const char *name;
  (void)vfs;
  ENTER;
  process *p = parse(path, &name);
  if (!p) LEAVE(IOERR);
  entry *e = find(p->d, name, 0);
  if (!e || !e->now) LEAVE(IOERR_DELETE_NOENT);
  int rc = strike(p, NAMING, IOERR);
  if (rc) LEAVE(rc);
  rename_to(p->d, e, NULL);
  if (sync) commit_names(p->d, p->d->changes);
  LEAVE(OK);
}

static int x_access(sqlite3_vfs *vfs, const char *path, int flags, int *out) {
  const char *name;
  (void)vfs; (void)flags;
  ENTER;
  process *p = parse(path, &name);
  entry *e = p && !p->dead ? find(p->d, name, 0) : NULL;
  *out = e && e->now;
  LEAVE(p && p->dead ? IOERR : OK);
}

static int x_full(sqlite3_vfs *vfs, const char *path, int n, char *out) {
  (void)vfs;
  return snprintf(out, n, "%s", path) < n ? OK : CANTOPEN;
}

static int x_random(sqlite3_vfs *vfs, int n, char *out) {
  (void)vfs;
  for (int i = 0; i < n; i++) out[i] = (char)(i * 37 + 11);
  return n;
}

// x_sleep waits in real time, for a lock: whoever holds it runs in this same program and needs a processor.
static int x_sleep(sqlite3_vfs *vfs, int us) { (void)vfs; usleep(us); return us; }

static int x_now64(sqlite3_vfs *vfs, sqlite3_int64 *ms) {
  (void)vfs;
  *ms = (sqlite3_int64)time(NULL) * 1000 + 210866760000000LL;
  return OK;
}
static int x_now(sqlite3_vfs *vfs, double *day) { sqlite3_int64 ms; x_now64(vfs, &ms); *day = ms / 86400000.0; return OK; }
static int x_error(sqlite3_vfs *vfs, int n, char *out) { (void)vfs; (void)n; (void)out; return 0; }

static sqlite3_vfs simdisk = {
  .iVersion = 2, .szOsFile = sizeof(handle), .mxPathname = 256, .zName = "simdisk",
  .xOpen = x_open, .xDelete = x_delete, .xAccess = x_access, .xFullPathname = x_full, .xRandomness = x_random,
  .xSleep = x_sleep, .xCurrentTime = x_now, .xGetLastError = x_error, .xCurrentTimeInt64 = x_now64,
};

int simdisk_register(void) { return sqlite3_vfs_register(&simdisk, 0); }

// ---- what the simulation does with it

disk *simdisk_new(void) {
  disk *d = calloc(1, sizeof *d);
  if (d) d->quota = -1;
  return d;
}

int simdisk_free(disk *d) {
  ENTER;
  if (d->open) LEAVE(d->open);
  for (int i = 0; i < d->count; i++) discard(d->inodes[i]);
  for (process *p = d->processes, *next; p; p = next) { next = p->next; free(p); }
  free(d);
  LEAVE(0);
}

process *simdisk_process(disk *d) {
  process *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  pthread_mutex_lock(&world);
  p->d = d; p->next = d->processes; d->processes = p;
  pthread_mutex_unlock(&world);
  return p;
}

void simdisk_kill(process *p) {
  pthread_mutex_lock(&world);
  end(p);
  pthread_mutex_unlock(&world);
}

int simdisk_dead(process *p) { return p->dead; }
long simdisk_ops(process *p) { return p->ops; }
int simdisk_struck(process *p) { return p->struck; }
void simdisk_plan(process *p, int fault, long op) { if (!p->struck) { p->fault = fault; p->strike = op; } }
void simdisk_quota(disk *d, long bytes) { d->quota = bytes < 0 ? -1 : used(d) + bytes; }
long simdisk_used(disk *d) { return used(d); }

static uint64_t draw(uint64_t *state) { // splitmix64
  uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// cut_file decides each sector that was not synced: kept, lost, or garbage where it was written.
static void cut_file(inode *f, uint64_t *luck, struct cut *c) {
  long size = f->safe_size;
  if (f->size != f->safe_size) switch (draw(luck) % 3) {
    case 0: size = f->size; break;
    case 1: if (f->size > f->safe_size) size += (long)(draw(luck) % (f->size - f->safe_size)) / SECTOR * SECTOR; break;
  }
  for (long s = f->first; s <= f->last; s++) {
    span *d = &f->dirty[s];
    if (!d->to) continue;
    unsigned char *now = f->now + s * SECTOR + d->from, *safe = f->safe + s * SECTOR + d->from;
    int n = d->to - d->from;
    switch (draw(luck) % 3) {
    case 0: memcpy(safe, now, n); c->kept++; break;
    case 1: c->lost++; break;
    case 2: for (int i = 0; i < n; i++) safe[i] = (unsigned char)draw(luck); c->garbage++; break;
    }
    d->from = d->to = 0;
  }
  memset(f->safe + size, 0, f->room - size);
  f->safe_size = f->size = size;
  memcpy(f->now, f->safe, f->room);
  clean(f);
}

struct cut simdisk_cut(disk *d, unsigned long long seed) {
  struct cut c = {0};
  uint64_t luck = seed;
  pthread_mutex_lock(&world);
  for (process *p = d->processes; p; p = p->next) end(p);
  int kept = d->changes ? (int)(draw(&luck) % (d->changes + 1)) : 0;
  c.names = d->changes - kept;
  commit_names(d, kept);
  for (int i = 0; i < NAMES; i++) {
    entry *e = &d->folder[i];
    e->now = e->safe;
    if (e->now) { cut_file(e->now, &luck, &c); e->now->shm = NULL; }
  }
  pthread_mutex_unlock(&world);
  return c;
}

int simdisk_put(disk *d, const char *name, const void *data, long size) {
  ENTER;
  entry *e = find(d, name, 1);
  inode *f = e ? make(d) : NULL;
  if (!f || !grow(f, size)) LEAVE(0);
  memcpy(f->now, data, size);
  memcpy(f->safe, data, size);
  f->size = f->safe_size = size;
  clean(f);
  e->now = e->safe = f;
  LEAVE(1);
}

long simdisk_size(disk *d, const char *name) {
  ENTER;
  entry *e = find(d, name, 0);
  long size = e && e->now ? e->now->size : -1;
  pthread_mutex_unlock(&world);
  return size;
}

int simdisk_get(disk *d, const char *name, void *to, long size) {
  ENTER;
  entry *e = find(d, name, 0);
  if (!e || !e->now || e->now->size < size) LEAVE(0);
  memcpy(to, e->now->now, size);
  LEAVE(1);
}
