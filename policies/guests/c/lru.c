/* LRU as a wasm module in C, without any library: decides exactly as the built-in lru does.
 *
 * A list threaded through slots, oldest to newest. Imported documents form its oldest stretch: each goes above the
 * imports before it and below everything that was touched. The contract is policies/abi/README.md. */

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define EXPORT(name) __attribute__((export_name(#name), used))
#define PAGE 65536u

__asm__(".section .custom_section.cnn,\"\",@\n"
        ".ascii \"abi: 1\\nname: c-lru\\nversion: 1\\nrole: replacement\\nkind: hooks\\ngoals: hits, bytes\\n\"\n"
        ".ascii \"summary: least recently used first; the built-in lru, in C\\n\"\n"
        ".ascii \"paper: Mattson, Gecsei, Slutz, Traiger, Evaluation techniques for storage hierarchies, IBM Systems Journal 9(2), 1970\\n\"\n"
        ".section .text,\"\",@\n");

enum kind { HIT, INSERT, UPDATE, REMOVE, IMPORT, RETURN };

struct event {
    u32 slot;
    u8 kind, flags, mime, zero;
    u64 hash, size;
    u32 fetch_us, uses;
};

/* Neighbours as slot + 2, so that fresh memory says OUTSIDE. */
enum { OUTSIDE = 0, END = 1, FIRST = 2 };

struct node {
    u32 older, newer;
};

extern u8 __heap_base;

static struct event event_room[256];
static u32 pick_room[256];
static struct node *nodes;
static u32 nodes_count, slots_max, list_len;
static u32 oldest = END, newest = END, imported = END;

EXPORT(events) struct event *events(void) { return event_room; }
EXPORT(picks) u32 *picks(void) { return pick_room; }
EXPORT(len) u32 len(void) { return list_len; }

EXPORT(init) void init(u64 capacity, u32 slots) {
    (void)capacity;
    slots_max = slots;
    nodes = (struct node *)(((u32)&__heap_base + 7) & ~7u);
}

static struct node *at(u32 place) { return &nodes[place - FIRST]; }

/* Whether there is room to remember the slot. */
static int reach(u32 slot) {
    if (slot >= slots_max)
        return 0;
    if (slot < nodes_count)
        return 1;
    u32 have = __builtin_wasm_memory_size(0);
    u64 need = ((u64)(u32)nodes + (slot + 1ull) * sizeof(struct node) + PAGE - 1) / PAGE;
    if (need > have && __builtin_wasm_memory_grow(0, (u32)need - have) == (u32)-1)
        return 0;
    nodes_count = slot + 1;
    return 1;
}

static int is_linked(u32 slot) { return slot < nodes_count && nodes[slot].older != OUTSIDE; }

static void link(u32 older, u32 place, u32 newer) {
    at(place)->older = older;
    at(place)->newer = newer;
    if (older == END)
        oldest = place;
    else
        at(older)->newer = place;
    if (newer == END)
        newest = place;
    else
        at(newer)->older = place;
    list_len++;
}

static void unlink(u32 place) {
    struct node gone = *at(place);
    at(place)->older = at(place)->newer = OUTSIDE;
    if (gone.older == END)
        oldest = gone.newer;
    else
        at(gone.older)->newer = gone.newer;
    if (gone.newer == END)
        newest = gone.older;
    else
        at(gone.newer)->older = gone.older;
    if (imported == place)
        imported = gone.older;
    list_len--;
}

static void push_newest(u32 place) { link(newest, place, END); }

static void push_import(u32 place) {
    link(imported, place, imported == END ? oldest : at(imported)->newer);
    imported = place;
}

static void tell(const struct event *event) {
    u32 slot = event->slot, place = slot + FIRST;
    int known = is_linked(slot);
    switch (event->kind) {
    case HIT:
    case INSERT:
    case RETURN:
        if (known)
            unlink(place);
        else if (event->kind == HIT || !reach(slot))
            break;
        push_newest(place);
        break;
    case REMOVE:
        if (known)
            unlink(place);
        break;
    case IMPORT:
        if (!known && reach(slot))
            push_import(place);
        break;
    }
}

EXPORT(on_events) void on_events(u32 count, u64 now) {
    (void)now;
    for (u32 i = 0; i < count; i++)
        tell(&event_room[i]);
}

EXPORT(victims) u32 victims(u32 most) {
    u32 count = 0;
    while (count < most && oldest != END) {
        pick_room[count++] = oldest - FIRST;
        unlink(oldest);
    }
    return count;
}

EXPORT(rank) u32 rank(u32 first, u32 most) {
    u32 count = 0;
    for (u32 place = oldest; place != END && count < most; place = at(place)->newer) {
        if (first > 0)
            first--;
        else
            pick_room[count++] = place - FIRST;
    }
    return count;
}
