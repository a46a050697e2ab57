"""Templates of the functions that generated C files are made of.

What C programs do all day: scanning text, looking up keys, sorting records,
interpreting byte code, multiplying matrices, walking lists, keeping a heap.

Rules kept: arithmetic is unsigned and every index is masked, so the compiled
program means the same at every optimisation level; every loop ends.

Knows nothing of the files that the functions go into (`source_text`).
"""

from __future__ import annotations

from string import Template

SCAN = Template("""\
/* Scan text that is made up on the way; count what kinds of words it holds. */
uint32_t $name(uint32_t x)
{
    enum { BLANK, WORD, NUMBER, STRING, ESCAPE, COMMENT } state = BLANK;
    struct record_$a seen;
    unsigned char text[64];
    uint32_t words = 0, numbers = 0, depth = 0, total = x ^ SALT_$a;

    memset(&seen, 0, sizeof seen);
    for (uint32_t i = 0; i < sizeof text; i++)
        text[i] = (unsigned char)(32u + mix_$b(x, i * ${k0}u) % 95u);
    for (uint32_t i = 0; i < sizeof text; i++) {
        unsigned char c = text[i];

        switch (state) {
        case BLANK:
            if (c >= '0' && c <= '9') {
                state = NUMBER;
                total = total * 10u + (uint32_t)(c - '0');
            } else if (c == '"') {
                state = STRING;
            } else if (c == '#') {
                state = COMMENT;
            } else if (c > ' ') {
                state = WORD;
                words++;
            }
            break;
        case WORD:
            seen.name[i & 15u] = c;
            if (c == ' ' || c == ',') {
                state = BLANK;
                seen.weight[words & 3u] += i + ${k1}u;
            } else if (c == '(' || c == '[') {
                depth++;
            }
            break;
        case NUMBER:
            if (c >= '0' && c <= '9') {
                total = total * 10u + (uint32_t)(c - '0');
            } else {
                numbers++;
                state = c == '"' ? STRING : BLANK;
            }
            break;
        case STRING:
            if (c == '\\\\')
                state = ESCAPE;
            else if (c == '"')
                state = BLANK;
            else
                seen.key = mix_$a(seen.key, c);
            break;
        case ESCAPE:
            state = STRING;
            seen.kind += c & 7u;
            break;
        case COMMENT:
            if (c < '&')
                state = BLANK;
            break;
        }
    }
    if (depth > LIMIT_$a)
        total -= depth;
    for (uint32_t i = 0; i < 4; i++) {
        switch (seen.weight[i] & 15u) {
$cases
        default:
            total ^= seen.name[i * 3u];
            break;
        }
    }
    return total + words * ${k2}u + numbers + seen.key + (uint32_t)state$chain;
}
""")

TABLE = Template("""\
/* Keep records in an open table: put, find, take out, and count the steps. */
uint32_t $name(uint32_t x)
{
    struct record_$a table[32];
    unsigned char used[32] = {0};
    uint32_t steps = 0, found = 0, sum = x;

    memset(table, 0, sizeof table);
    for (uint32_t i = 0; i < 24u; i++) {
        uint32_t key = mix_$a(x + i, i * ${k0}u) & 63u;
        uint32_t slot = mix_$b(key, SALT_$b) & 31u;

        while (used[slot] && table[slot].key != key) {
            slot = (slot + 1u) & 31u;
            steps++;
        }
        used[slot] = 1;
        table[slot].key = key;
        table[slot].kind = i % ${k1}u;
        for (uint32_t w = 0; w < 4; w++)
            table[slot].weight[w] += mix_$b(key, w) >> 7;
        memcpy(table[slot].name, &key, sizeof key);
    }
    for (uint32_t i = 0; i < 64u; i++) {
        uint32_t slot = mix_$b(i, SALT_$b) & 31u;
        uint32_t tries = 0;

        while (tries < 32u && (!used[slot] || table[slot].key != i)) {
            slot = (slot + 1u) & 31u;
            tries++;
        }
        if (tries == 32u)
            continue;
        found++;
        switch (table[slot].kind) {
$cases
        default:
            sum += table[slot].weight[tries & 3u];
            break;
        }
        if ((sum & 7u) == ${k3}u) {
            used[slot] = 0;
            memset(&table[slot], 0, sizeof table[slot]);
        }
    }
    for (uint32_t i = 0; i < 32u; i++)
        if (used[i] && memcmp(table[i].name, table[(i + 1u) & 31u].name, 4) < 0)
            sum = mix_$a(sum, table[i].key);
    return sum + steps * ${k2}u + found$chain;
}
""")

SORT = Template("""\
/* Sort records by weight with shell sort, then merge neighbours that are equal. */
uint32_t $name(uint32_t x)
{
    static const unsigned char gaps[] = {23, 10, 4, 1};
    struct record_$a list[40];
    uint32_t sum = SALT_$b, count = 40;

    for (uint32_t i = 0; i < count; i++) {
        memset(&list[i], 0, sizeof list[i]);
        list[i].key = mix_$a(x, i) % ${k0}u;
        list[i].kind = i % ${k1}u;
        list[i].weight[i & 3u] = mix_$b(i, x) & 255u;
    }
    for (uint32_t g = 0; g < sizeof gaps; g++) {
        uint32_t gap = gaps[g];

        for (uint32_t i = gap; i < count; i++) {
            struct record_$a moving = list[i];
            uint32_t j = i;

            while (j >= gap && (list[j - gap].weight[0] > moving.weight[0]
                                || (list[j - gap].weight[0] == moving.weight[0]
                                    && list[j - gap].key > moving.key))) {
                list[j] = list[j - gap];
                j -= gap;
            }
            list[j] = moving;
        }
    }
    for (uint32_t i = 1; i < count;) {
        if (list[i].key % ${k2}u == list[i - 1].key % ${k2}u) {
            list[i - 1].weight[3] += list[i].weight[3] + 1u;
            for (uint32_t j = i; j + 1u < count; j++)
                list[j] = list[j + 1u];
            count--;
        } else {
            i++;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        switch (list[i].kind) {
$cases
        default:
            sum ^= list[i].key + LIMIT_$a;
            break;
        }
    }
    return sum + count$chain;
}
""")

BYTECODE = Template("""\
/* Interpret a short program on a small stack. */
uint32_t $name(uint32_t x)
{
    uint32_t stack[16] = {0}, top = 0, at = 0, sum = x;
    struct record_$a frame;
    unsigned char code[48];

    memset(&frame, 0, sizeof frame);
    for (uint32_t i = 0; i < sizeof code; i++)
        code[i] = (unsigned char)(mix_$b(i + x, ${k0}u) >> 9);
    for (uint32_t step = 0; step < ${k1}u; step++) {
        unsigned char op = code[at];
        uint32_t right = stack[top & 15u], left = stack[(top - 1u) & 15u];

        at = (at + 1u) % sizeof code;
        switch (op & 31u) {
        case 16:
            stack[++top & 15u] = op + LIMIT_$a;
            break;
        case 17:
            stack[--top & 15u] = left + right;
            break;
        case 18:
            stack[--top & 15u] = left * (right | 1u);
            break;
        case 19:
            stack[--top & 15u] = left / (right | 1u);
            break;
        case 20:
            stack[top & 15u] = left > right ? left - right : right - left;
            break;
        case 21:
            at = (at + (right & 7u)) % sizeof code;
            break;
        case 22:
            frame.weight[op & 3u] = right;
            break;
        case 23:
            stack[++top & 15u] = frame.weight[right & 3u];
            break;
        case 24:
            if (left < right)
                at = op % sizeof code;
            break;
        case 25:
            frame.key = mix_$a(frame.key, left);
            break;
        case 26:
            frame.name[right & 15u] ^= op;
            break;
        case 27:
            stack[(top - 2u) & 15u] ^= right << (left & 15u);
            break;
$cases
        default:
            sum = mix_$b(sum, right);
            break;
        }
        if (step % 16u == 15u)
            sum += frame.name[step & 15u] + frame.key;
    }
    return (sum ^ stack[top & 15u] ^ frame.kind)$chain;
}
""")

MATRIX = Template("""\
/* Multiply and transpose small matrices, then fold them into one word. */
uint32_t $name(uint32_t x)
{
    uint32_t a[8][8], b[8][8], c[8][8], sum = SALT_$a;
    struct record_$a row[8];

    memset(row, 0, sizeof row);
    for (uint32_t i = 0; i < 8u; i++)
        for (uint32_t j = 0; j < 8u; j++) {
            a[i][j] = mix_$a(x + i, j) & 0xffffu;
            b[i][j] = mix_$b(x ^ j, i * ${k0}u) & 0xffu;
            c[i][j] = 0;
        }
    for (uint32_t round = 0; round < ${k1}u; round++) {
        for (uint32_t i = 0; i < 8u; i++)
            for (uint32_t k = 0; k < 8u; k++) {
                uint32_t factor = a[i][k] + round;

                for (uint32_t j = 0; j < 8u; j++)
                    c[i][j] += factor * b[k][j];
            }
        for (uint32_t i = 0; i < 8u; i++)
            for (uint32_t j = i + 1u; j < 8u; j++) {
                uint32_t keep = c[i][j] >> 3;

                c[i][j] = c[j][i] ^ round;
                c[j][i] = keep;
            }
        for (uint32_t i = 0; i < 8u; i++) {
            uint32_t smallest = i;

            for (uint32_t j = i; j < 8u; j++)
                if (c[j][0] < c[smallest][0])
                    smallest = j;
            if (smallest != i) {
                uint32_t keep[8];

                memcpy(keep, c[i], sizeof keep);
                memcpy(c[i], c[smallest], sizeof keep);
                memcpy(c[smallest], keep, sizeof keep);
            }
            row[i].key = c[i][i];
            row[i].weight[i & 3u] += c[i][7u - i] % LIMIT_$a;
        }
    }
    for (uint32_t i = 0; i < 8u; i++) {
        switch ((row[i].key + i) % 12u) {
$cases
        default:
            sum += row[i].weight[0] * ${k2}u;
            break;
        }
    }
    return sum$chain;
}
""")

LIST = Template("""\
/* Link records through a pool, splice and reverse the list, and walk it. */
uint32_t $name(uint32_t x)
{
    struct node {
        struct node *next;
        struct record_$a held;
    } pool[32], *head = NULL, *spare = NULL, *last = NULL;
    uint32_t sum = x, length = 0;

    memset(pool, 0, sizeof pool);
    for (uint32_t i = 0; i < 32u; i++) {
        pool[i].next = spare;
        spare = &pool[i];
    }
    for (uint32_t i = 0; i < ${k1}u; i++) {
        uint32_t chosen = mix_$a(x, i * ${k0}u);

        if ((chosen & 3u) != 0 && spare != NULL) {
            struct node *fresh = spare;

            spare = fresh->next;
            fresh->held.key = chosen >> 5;
            fresh->held.kind = (chosen >> 3) & 15u;
            fresh->held.weight[i & 3u] += i;
            if (head == NULL || head->held.key >= fresh->held.key) {
                fresh->next = head;
                head = fresh;
            } else {
                struct node *before = head;

                while (before->next != NULL && before->next->held.key < fresh->held.key)
                    before = before->next;
                fresh->next = before->next;
                before->next = fresh;
            }
            length++;
        } else if (head != NULL) {
            struct node *gone = head;

            head = gone->next;
            sum ^= gone->held.key;
            gone->next = spare;
            spare = gone;
            length--;
        }
    }
    while (head != NULL) {
        struct node *next = head->next;

        head->next = last;
        last = head;
        head = next;
    }
    for (struct node *walk = last; walk != NULL; walk = walk->next) {
        switch (walk->held.kind) {
$cases
        default:
            sum = mix_$b(sum, walk->held.weight[length & 3u]);
            break;
        }
    }
    return sum + length * ${k2}u + LIMIT_$a$chain;
}
""")

HEAP = Template("""\
/* Run a queue ordered by due time: push, pop, and put late work back. */
uint32_t $name(uint32_t x)
{
    struct record_$a heap[33];
    uint32_t size = 0, clock = 0, sum = x;

    memset(heap, 0, sizeof heap);
    for (uint32_t i = 0; i < ${k1}u; i++) {
        uint32_t at;

        if (size < 32u) {
            struct record_$a fresh = heap[0];

            fresh.key = clock + (mix_$a(x, i) & 63u);
            fresh.kind = mix_$b(i, x) % ${k0}u;
            at = ++size;
            while (at > 1u && heap[at / 2u].key > fresh.key) {
                heap[at] = heap[at / 2u];
                at /= 2u;
            }
            heap[at] = fresh;
        }
        while (size > 0 && heap[1].key <= clock) {
            struct record_$a due = heap[1], moved = heap[size--];
            uint32_t child;

            at = 1;
            while ((child = at * 2u) <= size) {
                if (child < size && heap[child + 1u].key < heap[child].key)
                    child++;
                if (heap[child].key >= moved.key)
                    break;
                heap[at] = heap[child];
                at = child;
            }
            heap[at] = moved;
            switch (due.kind) {
$cases
            default:
                sum += due.key;
                break;
            }
        }
        clock += ${k2}u + (sum & 3u);
        for (uint32_t w = 0; w < 4; w++)
            heap[0].weight[w] += clock >> w;
    }
    return (sum ^ clock ^ heap[0].weight[1]) + LIMIT_$b$chain;
}
""")

# Each template with the range of cases its switch may take: no case may
# clash with those that the template itself has.
TEMPLATES = (
    (SCAN, 15),
    (TABLE, 12),
    (SORT, 12),
    (BYTECODE, 15),
    (MATRIX, 12),
    (LIST, 15),
    (HEAP, 12),
)

# What a case of a switch does: $v is the function's running sum.
STATEMENTS = (
    "sum = sum * ${k}u + ${m}u;",
    "sum ^= sum >> ${s};",
    "sum = (sum << ${s}) | (sum >> (32 - ${s}));",
    "sum = mix_$h(sum, ${k}u);",
    "if (sum > ${m}u)\n                sum -= ${k}u;",
    "for (uint32_t n = 0; n < ${s}u; n++)\n                sum += mix_$h(n, sum);",
    "sum = sum % 1000003u + SALT_$h;",
)
