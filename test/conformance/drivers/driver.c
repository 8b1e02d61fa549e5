/*
 * Carries out behaviours with Apache's C client, one line in, one line out.
 * Usage: driver HOST:PORT,...   See ../README.md for the lines.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#define CLIENTS_MAX 64
#define WORDS_MAX 32
#define TEXT_MAX 65536
#define DATA_MAX 2000000
#define WAIT_MS 20000

typedef struct {
    char name[64];
    zhandle_t *zh;
    int state; /* Of the last session event. */
    int eventCount;
    char events[TEXT_MAX];
} Client;

static Client clients[CLIENTS_MAX];
static int clientCount;
static const char *hosts;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static char out[TEXT_MAX];
static char big[DATA_MAX];

static void say(const char *format, ...) {
    va_list args;
    size_t used = strlen(out);
    va_start(args, format);
    vsnprintf(out + used, sizeof out - used, format, args);
    va_end(args);
}

static const char *typeName(int type) {
    if (type == ZOO_CREATED_EVENT) return "created";
    if (type == ZOO_DELETED_EVENT) return "deleted";
    if (type == ZOO_CHANGED_EVENT) return "changed";
    if (type == ZOO_CHILD_EVENT) return "children";
    return "removed";
}

static void watcher(zhandle_t *zh, int type, int state, const char *path, void *context) {
    Client *client = context;
    (void)zh;
    pthread_mutex_lock(&lock);
    if (type == ZOO_SESSION_EVENT) {
        client->state = state;
    } else {
        size_t used = strlen(client->events);
        snprintf(client->events + used, sizeof client->events - used, "%s%s %s", used ? ";" : "",
                 typeName(type), path);
        client->eventCount += 1;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static struct timespec soon(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += WAIT_MS / 1000;
    return at;
}

static int awaitState(Client *client, int state) {
    struct timespec end = soon();
    int late = 0;
    pthread_mutex_lock(&lock);
    while (client->state != state && !late) late = pthread_cond_timedwait(&changed, &lock, &end);
    pthread_mutex_unlock(&lock);
    return !late;
}

static void fenceReached(int rc, const struct Stat *stat, const void *data) {
    (void)rc;
    (void)stat;
    pthread_mutex_lock(&lock);
    *(int *)data = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Waits for that many events, then for one more turn of the thread that delivers them. */
static void takeEvents(Client *client, int count) {
    struct timespec end = soon();
    static int reached;
    int late = 0;
    reached = 0;
    pthread_mutex_lock(&lock);
    while (client->eventCount < count && !late) {
        late = pthread_cond_timedwait(&changed, &lock, &end);
    }
    pthread_mutex_unlock(&lock);
    if (zoo_aexists(client->zh, "/", 0, fenceReached, &reached) == ZOK) {
        pthread_mutex_lock(&lock);
        late = 0;
        while (!reached && !late) late = pthread_cond_timedwait(&changed, &lock, &end);
        pthread_mutex_unlock(&lock);
    }
    say("%s", client->eventCount == 0 ? "none" : client->events);
    client->events[0] = 0;
    client->eventCount = 0;
}

static Client *find(const char *name) {
    for (int i = 0; i < clientCount; i++) {
        if (clients[i].zh && strcmp(clients[i].name, name) == 0) return &clients[i];
    }
    return NULL;
}

static void openClient(const char *name, char **words, int count) {
    Client *client = NULL;
    char at[1024], chroot[256] = "";
    const clientid_t *as = NULL;
    int timeoutMs = 6000, flags = 0;
    for (int i = 0; i < clientCount && !client; i++) if (!clients[i].zh) client = &clients[i];
    if (!client) client = &clients[clientCount++];
    memset(client, 0, sizeof *client);
    snprintf(at, sizeof at, "%s", hosts);
    for (int i = 0; i < count; i++) {
        char *value = strchr(words[i], '=') + 1;
        if (strncmp(words[i], "timeout=", 8) == 0) timeoutMs = atoi(value);
        if (strncmp(words[i], "at=", 3) == 0) snprintf(at, sizeof at, "%s", value);
        if (strncmp(words[i], "chroot=", 7) == 0) snprintf(chroot, sizeof chroot, "%s", value);
        if (strncmp(words[i], "as=", 3) == 0) as = zoo_client_id(find(value)->zh);
    }
    strcat(at, chroot);
    snprintf(client->name, sizeof client->name, "%s", name);
    client->zh = zookeeper_init(at, watcher, timeoutMs, as, client, flags);
    if (!client->zh) { say("no handle"); return; }
    say(awaitState(client, ZOO_CONNECTED_STATE) ? "ok" : "not connected");
}

static const char *dataOf(const char *word, int *length) {
    if (strcmp(word, "null") == 0) { *length = -1; return NULL; }
    if (strcmp(word, "''") == 0) { *length = 0; return ""; }
    if (word[0] == '*') {
        *length = atoi(word + 1);
        memset(big, 'x', *length);
        return big;
    }
    *length = strlen(word);
    return word;
}

/* PERMS:SCHEME:ID, several with ';'. */
static struct ACL_vector *aclOf(char *word) {
    static struct ACL entries[16];
    static struct ACL_vector all;
    char *rest = word, *entry;
    all.count = 0;
    all.data = entries;
    if (strcmp(word, "open") == 0) return &ZOO_OPEN_ACL_UNSAFE;
    if (strcmp(word, "read") == 0) return &ZOO_READ_ACL_UNSAFE;
    if (strcmp(word, "creator") == 0) return &ZOO_CREATOR_ALL_ACL;
    if (strcmp(word, "none") == 0) return &all;
    while ((entry = strsep(&rest, ";"))) {
        struct ACL *acl = &entries[all.count++];
        acl->perms = atoi(strsep(&entry, ":"));
        acl->id.scheme = strsep(&entry, ":");
        acl->id.id = entry;
    }
    return &all;
}

static int modeOf(const char *word) {
    if (strcmp(word, "e") == 0) return ZOO_EPHEMERAL;
    if (strcmp(word, "ps") == 0) return ZOO_PERSISTENT_SEQUENTIAL;
    if (strcmp(word, "es") == 0) return ZOO_EPHEMERAL_SEQUENTIAL;
    if (strcmp(word, "c") == 0) return ZOO_CONTAINER;
    if (strcmp(word, "t") == 0) return ZOO_PERSISTENT_WITH_TTL;
    if (strcmp(word, "ts") == 0) return ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL;
    return ZOO_PERSISTENT;
}

static void sayStat(Client *client, const struct Stat *stat) {
    int64_t mine = zoo_client_id(client->zh)->client_id;
    uint64_t owner = stat->ephemeralOwner;
    const char *name = owner == 0 ? "-" : (int64_t)owner == mine ? "me"
        : owner == 0x8000000000000000ULL ? "container" : (owner >> 56) == 0xff ? "ttl" : "other";
    say("v%d cv%d av%d len%d kids%d own=%s m%s p%s", stat->version, stat->cversion, stat->aversion,
        stat->dataLength, stat->numChildren, name, stat->mzxid == stat->czxid ? "=" : "+",
        stat->pzxid == stat->czxid ? "=" : "+");
}

static void sayData(const char *data, int length) {
    if (length < 0) say("null");
    else if (length == 0) say("''");
    else if (length > 300) say("bytes=%d", length);
    else say("%.*s", length, data);
}

static int compareNames(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sayNames(struct String_vector *names) {
    qsort(names->data, names->count, sizeof(char *), compareNames);
    if (names->count == 0) say("''");
    for (int i = 0; i < names->count; i++) say("%s%s", i ? "," : "", names->data[i]);
    deallocate_String_vector(names);
}

static void sayAcl(struct ACL_vector *acl) {
    for (int i = 0; i < acl->count; i++) {
        struct ACL *each = &acl->data[i];
        say("%s%d:%s:%s", i ? ";" : "", each->perms, each->id.scheme, each->id.id);
    }
    deallocate_ACL_vector(acl);
}

static void sayServers(const char *config, int length) {
    int servers = 0;
    for (int i = 0; i + 7 <= length; i++) servers += strncmp(config + i, "server.", 7) == 0;
    say("servers=%d", servers);
}

/* OP,ARGUMENT,...|OP,... */
static int multi(Client *client, char *word) {
    static zoo_op_t ops[16];
    static zoo_op_result_t results[16];
    static struct Stat stats[16];
    static char paths[16][1024];
    static const char *kinds[16];
    int count = 0, length, rc;
    char *op;
    while ((op = strsep(&word, "|"))) {
        const char *kind = kinds[count] = strsep(&op, ",");
        const char *path = strsep(&op, ",");
        if (strcmp(kind, "create") == 0) {
            const char *data = dataOf(strsep(&op, ","), &length);
            zoo_create_op_init(&ops[count], path, data, length, &ZOO_OPEN_ACL_UNSAFE,
                               modeOf(strsep(&op, ",")), paths[count], sizeof paths[count]);
        } else if (strcmp(kind, "set") == 0) {
            const char *data = dataOf(strsep(&op, ","), &length);
            zoo_set_op_init(&ops[count], path, data, length, atoi(op), &stats[count]);
        } else if (strcmp(kind, "delete") == 0) {
            zoo_delete_op_init(&ops[count], path, atoi(op));
        } else {
            zoo_check_op_init(&ops[count], path, atoi(op));
        }
        count += 1;
    }
    memset(results, 0, sizeof results);
    rc = zoo_multi(client->zh, count, ops, results);
    if (rc == ZCONNECTIONLOSS) return rc;
    for (int i = 0; i < count; i++) {
        if (i) say(";");
        if (rc != ZOK) say("%d", results[i].err);
        else if (strcmp(kinds[i], "create") == 0) say("%s", paths[i]);
        else if (strcmp(kinds[i], "set") == 0) say("v%d", stats[i].version);
        else say("ok");
    }
    if (count == 0) say("''");
    return ZOK;
}

static int authRc;
static void authDone(int rc, const void *data) {
    authRc = rc;
    fenceReached(rc, NULL, data);
}

static int addAuth(Client *client, const char *scheme, const char *credential) {
    static int reached;
    struct timespec end = soon();
    int late = 0, rc;
    reached = 0;
    rc = zoo_add_auth(client->zh, scheme, credential, strlen(credential), authDone, &reached);
    if (rc != ZOK) return rc;
    pthread_mutex_lock(&lock);
    while (!reached && !late) late = pthread_cond_timedwait(&changed, &lock, &end);
    pthread_mutex_unlock(&lock);
    return late ? ZOPERATIONTIMEOUT : authRc;
}

static int awaitGone(Client *client, const char *path) {
    struct Stat stat;
    for (int waitedMs = 0; waitedMs < WAIT_MS; waitedMs += 20) {
        int rc = zoo_exists(client->zh, path, 0, &stat);
        if (rc != ZOK) return rc == ZNONODE ? ZOK : rc;
        usleep(20000);
    }
    return ZOPERATIONTIMEOUT;
}

static int read_(Client *client, const char *verb, char **w, int count) {
    struct Stat stat;
    struct String_vector names = {0, NULL};
    struct ACL_vector acl = {0, NULL};
    watcher_fn watch = count > 1 && strcmp(w[1], "w") == 0 ? watcher : NULL;
    int rc, length = sizeof big;
    if (strcmp(verb, "exists") == 0) {
        rc = zoo_wexists(client->zh, w[0], watch, client, &stat);
        if (rc == ZOK) sayStat(client, &stat);
    } else if (strcmp(verb, "get") == 0) {
        rc = zoo_wget(client->zh, w[0], watch, client, big, &length, &stat);
        if (rc == ZOK) { sayData(big, length); say(" "); sayStat(client, &stat); }
    } else if (strcmp(verb, "children") == 0) {
        rc = zoo_wget_children(client->zh, w[0], watch, client, &names);
        if (rc == ZOK) sayNames(&names);
    } else if (strcmp(verb, "children2") == 0) {
        rc = zoo_wget_children2(client->zh, w[0], watch, client, &names, &stat);
        if (rc == ZOK) { sayNames(&names); say(" "); sayStat(client, &stat); }
    } else if (strcmp(verb, "getacl") == 0) {
        rc = zoo_get_acl(client->zh, w[0], &acl, &stat);
        if (rc == ZOK) { sayAcl(&acl); say(" "); sayStat(client, &stat); }
    } else {
        rc = zoo_getconfig(client->zh, 0, big, &length, &stat);
        if (rc == ZOK) sayServers(big, length);
    }
    return rc;
}

static int create(Client *client, const char *verb, char **w, int count) {
    static char path[DATA_MAX];
    struct Stat stat;
    int length, rc;
    const char *data = dataOf(w[1], &length);
    struct ACL_vector *acl = aclOf(w[2]);
    int mode = modeOf(w[3]);
    int64_t ttl = count > 4 ? atoll(w[4]) : -1;
    if (strcmp(verb, "create") == 0) {
        rc = zoo_create_ttl(client->zh, w[0], data, length, acl, mode, ttl, path, sizeof path);
        if (rc == ZOK) say("%s", path);
        return rc;
    }
    rc = zoo_create2_ttl(client->zh, w[0], data, length, acl, mode, ttl, path, sizeof path, &stat);
    if (rc == ZOK) { say("%s ", path); sayStat(client, &stat); }
    return rc;
}

static const char *optional(const char *word) {
    return strcmp(word, "-") == 0 ? NULL : word;
}

static int write_(Client *client, const char *verb, char **w) {
    struct Stat stat;
    int length, rc;
    const char *data;
    if (strcmp(verb, "delete") == 0) return zoo_delete(client->zh, w[0], atoi(w[1]));
    if (strcmp(verb, "setacl") == 0) {
        return zoo_set_acl(client->zh, w[0], atoi(w[2]), aclOf(w[1]));
    }
    data = dataOf(w[1], &length);
    rc = zoo_set2(client->zh, w[0], data, length, atoi(w[2]), &stat);
    if (rc == ZOK) sayStat(client, &stat);
    return rc;
}

static int is(const char *verb, const char *all) {
    const char *at = strstr(all, verb);
    size_t length = strlen(verb);
    while (at && !((at == all || at[-1] == ' ') && (at[length] == ' ' || !at[length]))) {
        at = strstr(at + 1, verb);
    }
    return at != NULL;
}

static int other(Client *client, const char *verb, char **w) {
    struct Stat stat;
    int length = sizeof big, rc;
    if (is(verb, "sync")) {
        static int reached;
        reached = 0;
        rc = zoo_async(client->zh, w[0], (string_completion_t)fenceReached, &reached);
        while (rc == ZOK && !reached) usleep(500);
        return rc;
    }
    if (is(verb, "auth")) return addAuth(client, w[0], w[1]);
    if (is(verb, "multi")) return multi(client, w[0]);
    if (is(verb, "gone")) return awaitGone(client, w[0]);
    if (is(verb, "rmwatch")) {
        ZooWatcherType type = strcmp(w[1], "data") == 0 ? ZWATCHTYPE_DATA
            : strcmp(w[1], "children") == 0 ? ZWATCHTYPE_CHILD : ZWATCHTYPE_ANY;
        return zoo_remove_all_watches(client->zh, w[0], type, 0);
    }
    if (is(verb, "reconfig")) {
        rc = zoo_reconfig(client->zh, optional(w[0]), optional(w[1]), optional(w[2]),
                          strtoll(w[3], NULL, 16), big, &length, &stat);
        if (rc == ZOK) sayServers(big, length);
        return rc;
    }
    if (is(verb, "session")) { say("timeout=%d", zoo_recv_timeout(client->zh)); return ZOK; }
    if (is(verb, "events")) { takeEvents(client, atoi(w[0])); return ZOK; }
    if (is(verb, "state")) {
        int state = strcmp(w[0], "expired") == 0 ? ZOO_EXPIRED_SESSION_STATE : ZOO_AUTH_FAILED_STATE;
        return awaitState(client, state) ? ZOK : ZOPERATIONTIMEOUT;
    }
    if (is(verb, "close") || is(verb, "leave")) {
        zhandle_t *zh = client->zh;
        client->zh = NULL;
        zookeeper_close(zh);
        return ZOK;
    }
    say("cannot the C client of 3.8 has no call for %s", verb);
    return ZOK;
}

static void carryOut(char **words, int count) {
    const char *verb = words[1];
    Client *client;
    int rc;
    if (is(verb, "open")) { openClient(words[0], words + 2, count - 2); return; }
    client = find(words[0]);
    if (!client) { say("no client %s", words[0]); return; }
    if (is(verb, "create create2")) rc = create(client, verb, words + 2, count - 2);
    else if (is(verb, "delete set setacl")) rc = write_(client, verb, words + 2);
    else if (is(verb, "exists get children children2 getacl config")) {
        rc = read_(client, verb, words + 2, count - 2);
    } else rc = other(client, verb, words + 2);
    if (rc != ZOK) snprintf(out, sizeof out, "%d", rc);
    else if (!out[0]) say("ok");
}

int main(int argc, char **argv) {
    static char line[TEXT_MAX];
    if (argc < 2) return 2;
    hosts = argv[1];
    zoo_set_debug_level(0);
    while (fgets(line, sizeof line, stdin)) {
        char *words[WORDS_MAX], *rest = line, *word;
        int count = 0;
        line[strcspn(line, "\n")] = 0;
        while (count < WORDS_MAX && (word = strsep(&rest, " "))) words[count++] = word;
        out[0] = 0;
        carryOut(words, count);
        printf("%s\n", out);
        fflush(stdout);
    }
    return 0;
}
