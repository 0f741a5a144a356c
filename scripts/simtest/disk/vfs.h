// The parts of SQLite's public interface that a file system for it needs (sqlite.org/c3ref, fixed since
// 3.7), and what disk.go asks of ours. The engine itself is mattn/go-sqlite3's, in the same program.
#ifndef SIMDISK_VFS_H
#define SIMDISK_VFS_H

typedef long long sqlite3_int64;
typedef struct sqlite3_file sqlite3_file;
typedef struct sqlite3_vfs sqlite3_vfs;
typedef struct sqlite3_io_methods sqlite3_io_methods;

struct sqlite3_file { const sqlite3_io_methods *pMethods; };

struct sqlite3_io_methods {
  int iVersion;
  int (*xClose)(sqlite3_file*);
  int (*xRead)(sqlite3_file*, void*, int, sqlite3_int64);
  int (*xWrite)(sqlite3_file*, const void*, int, sqlite3_int64);
  int (*xTruncate)(sqlite3_file*, sqlite3_int64);
  int (*xSync)(sqlite3_file*, int);
  int (*xFileSize)(sqlite3_file*, sqlite3_int64*);
  int (*xLock)(sqlite3_file*, int);
  int (*xUnlock)(sqlite3_file*, int);
  int (*xCheckReservedLock)(sqlite3_file*, int*);
  int (*xFileControl)(sqlite3_file*, int, void*);
  int (*xSectorSize)(sqlite3_file*);
  int (*xDeviceCharacteristics)(sqlite3_file*);
  int (*xShmMap)(sqlite3_file*, int, int, int, void volatile**);
  int (*xShmLock)(sqlite3_file*, int, int, int);
  void (*xShmBarrier)(sqlite3_file*);
  int (*xShmUnmap)(sqlite3_file*, int);
};

struct sqlite3_vfs {
  int iVersion, szOsFile, mxPathname;
  sqlite3_vfs *pNext;
  const char *zName;
  void *pAppData;
  int (*xOpen)(sqlite3_vfs*, const char*, sqlite3_file*, int, int*);
  int (*xDelete)(sqlite3_vfs*, const char*, int);
  int (*xAccess)(sqlite3_vfs*, const char*, int, int*);
  int (*xFullPathname)(sqlite3_vfs*, const char*, int, char*);
  void *(*xDlOpen)(sqlite3_vfs*, const char*);
  void (*xDlError)(sqlite3_vfs*, int, char*);
  void (*(*xDlSym)(sqlite3_vfs*, void*, const char*))(void);
  void (*xDlClose)(sqlite3_vfs*, void*);
  int (*xRandomness)(sqlite3_vfs*, int, char*);
  int (*xSleep)(sqlite3_vfs*, int);
  int (*xCurrentTime)(sqlite3_vfs*, double*);
  int (*xGetLastError)(sqlite3_vfs*, int, char*);
  int (*xCurrentTimeInt64)(sqlite3_vfs*, sqlite3_int64*);
};

// A disk and the programs that have files of it open.
typedef struct disk disk;
typedef struct process process;

// What goes wrong, once, at an operation of a process.
enum { NO_FAULT, DIE, SYNC_FAILS, WRITE_FAILS, NO_SPACE };

// What a power cut did to what was not synced.
struct cut { int kept, lost, garbage, names; };

int simdisk_register(void);
disk *simdisk_new(void);
int simdisk_free(disk*); // how many handles were still open; the disk is freed when none was
process *simdisk_process(disk*);
void simdisk_kill(process*);
int simdisk_dead(process*);
long simdisk_ops(process*);
void simdisk_plan(process*, int fault, long op);
int simdisk_struck(process*); // the planned fault has happened
void simdisk_quota(disk*, long bytes); // beyond what is allocated now; below 0: none
long simdisk_used(disk*);
struct cut simdisk_cut(disk*, unsigned long long seed);
int simdisk_put(disk*, const char *name, const void *data, long size);
long simdisk_size(disk*, const char *name);
int simdisk_get(disk*, const char *name, void *to, long size);
#endif
