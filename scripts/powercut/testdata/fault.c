// Makes one of a program's file calls go wrong: loaded before libc, it counts the calls of one kind that concern a
// database, over all threads, and fails the one whose turn it is.
//
//   FAULT       pwrite64 EIO 17    the kind, the error (or KILL), the number from 1
//   FAULT_DB    the database; its -wal, -journal and -shm and its folder belong to it
//   FAULT_HIT   file that gets the number and the path once it has happened
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;

static int concerns(const char *path) {
	const char *db = getenv("FAULT_DB");
	if (!db || !path) return 0;
	size_t n = strlen(db), slash = strrchr(db, '/') - db;
	return strncmp(path, db, n) == 0 || (strlen(path) == slash && strncmp(path, db, slash) == 0);
}

// strike reports whether this call is the one, with errno set; KILL does not return.
static int strike(const char *kind, const char *path) {
	char wanted[32], how[32], line[600];
	long turn;
	const char *fault = getenv("FAULT"), *hit = getenv("FAULT_HIT");
	if (!fault || !hit || sscanf(fault, "%31s %31s %ld", wanted, how, &turn) != 3) return 0;
	if (strcmp(kind, wanted) != 0 || !concerns(path)) return 0;
	if (atomic_fetch_add(&calls, 1) + 1 != turn) return 0;
	int fd = syscall(SYS_openat, AT_FDCWD, hit, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	int n = snprintf(line, sizeof line, "%ld %s\n", turn, path);
	syscall(SYS_write, fd, line, n);
	syscall(SYS_close, fd);
	if (strcmp(how, "KILL") == 0) kill(getpid(), SIGKILL);
	errno = strcmp(how, "ENOSPC") == 0 ? ENOSPC : strcmp(how, "EROFS") == 0 ? EROFS : EIO;
	return 1;
}

static int strike_fd(const char *kind, int fd) {
	char name[64], path[512];
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(name, path, sizeof path - 1);
	if (n < 0) return 0;
	path[n] = 0;
	return strike(kind, path);
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
	REAL(pwrite64);
	return strike_fd("pwrite64", fd) ? -1 : real(fd, data, n, at);
}

int fsync(int fd) {
	REAL(fsync);
	return strike_fd("fsync", fd) ? -1 : real(fd);
}

int fdatasync(int fd) {
	REAL(fdatasync);
	return strike_fd("fsync", fd) ? -1 : real(fd);
}

int ftruncate64(int fd, off64_t size) {
	REAL(ftruncate64);
	return strike_fd("ftruncate", fd) ? -1 : real(fd, size);
}

int unlink(const char *path) {
	REAL(unlink);
	return strike("unlink", path) ? -1 : real(path);
}

int open64(const char *path, int flags, ...) {
	REAL(open64);
	va_list rest;
	va_start(rest, flags);
	int mode = va_arg(rest, int);
	va_end(rest);
	return strike("open", path) ? -1 : real(path, flags, mode);
}
