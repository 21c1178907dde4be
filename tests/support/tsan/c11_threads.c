/*
 * tests/support/tsan/c11_threads.c -- C11's threads by way of POSIX', for the thread sanitizer.
 *
 * librdkafka starts its threads with thrd_create and locks with mtx_lock. gcc 12's sanitizer
 * knows neither: a thread that it has not seen begin ends the program at its first access.
 * These definitions stand before libc's and call what the sanitizer does know. In glibc a mtx_t
 * is a pthread_mutex_t and a cnd_t a pthread_cond_t, of the same size. Linked into tests of the
 * preset tsan, and nowhere else.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "a mtx_t is something else here");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "a cnd_t is something else here");

struct start {
    thrd_start_t run;
    void *arg;
};

static int result_of(int error)
{
    switch (error) {
    case 0:
        return thrd_success;
    case EBUSY:
        return thrd_busy;
    case ENOMEM:
        return thrd_nomem;
    case ETIMEDOUT:
        return thrd_timedout;
    default:
        return thrd_error;
    }
}

static void *run(void *arg)
{
    struct start start = *(struct start *)arg;
    free(arg);
    return (void *)(intptr_t)start.run(start.arg);
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *arg)
{
    struct start *start = malloc(sizeof *start);
    if (start == NULL)
        return thrd_nomem;
    *start = (struct start){function, arg};
    int error = pthread_create(thread, NULL, run, start);
    if (error != 0)
        free(start);
    return result_of(error);
}

int thrd_join(thrd_t thread, int *result)
{
    void *value;
    int error = pthread_join(thread, &value);
    if (error == 0 && result != NULL)
        *result = (int)(intptr_t)value;
    return result_of(error);
}

int thrd_detach(thrd_t thread) { return result_of(pthread_detach(thread)); }

static pthread_mutex_t *mutex_of(mtx_t *m) { return (pthread_mutex_t *)m; }
static pthread_cond_t *condition_of(cnd_t *c) { return (pthread_cond_t *)c; }

int mtx_init(mtx_t *m, int type)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    if ((type & mtx_recursive) != 0)
        pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    int error = pthread_mutex_init(mutex_of(m), &attributes);
    pthread_mutexattr_destroy(&attributes);
    return result_of(error);
}
void mtx_destroy(mtx_t *m) { pthread_mutex_destroy(mutex_of(m)); }
int mtx_lock(mtx_t *m) { return result_of(pthread_mutex_lock(mutex_of(m))); }
int mtx_trylock(mtx_t *m) { return result_of(pthread_mutex_trylock(mutex_of(m))); }
int mtx_unlock(mtx_t *m) { return result_of(pthread_mutex_unlock(mutex_of(m))); }
int mtx_timedlock(mtx_t *restrict m, const struct timespec *restrict until)
{
    return result_of(pthread_mutex_timedlock(mutex_of(m), until));
}

int cnd_init(cnd_t *c) { return result_of(pthread_cond_init(condition_of(c), NULL)); }
void cnd_destroy(cnd_t *c) { pthread_cond_destroy(condition_of(c)); }
int cnd_signal(cnd_t *c) { return result_of(pthread_cond_signal(condition_of(c))); }
int cnd_broadcast(cnd_t *c) { return result_of(pthread_cond_broadcast(condition_of(c))); }
int cnd_wait(cnd_t *c, mtx_t *m)
{
    return result_of(pthread_cond_wait(condition_of(c), mutex_of(m)));
}
int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict until)
{
    return result_of(pthread_cond_timedwait(condition_of(c), mutex_of(m), until));
}
