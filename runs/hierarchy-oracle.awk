# What iterated clustering on cousin contexts reads off strings of the hierarchy (ltm corpus synth hierarchy label=0), level by level from the
# symbols up: a tuple is known by what stands in the tuples that share its grandparent, first their symbols, then the clusters that these
# came to; tuples known alike are productions of one symbol. Prints the share of test items whose node1 is the commonest one of its
# cluster among the training items.
#
#     awk -v v=8 -v s=2 -f runs/hierarchy-oracle.awk TASK/text.jsonl TASK/train.jsonl TASK/test.jsonl

function field(line, name) { # "name":"…", or nothing
    return match(line, "\"" name "\":\"[^\"]*\"") ? substr(line, RSTART + length(name) + 4, RLENGTH - length(name) - 5) : ""
}
FNR == 1 { file++ }
{
    text = field($0, file == 1 ? "text" : "document")
    gsub(/ /, "", text)
    rows++
    if (file == 1) documents = rows
    group[rows] = file
    node[rows] = field($0, "node1")
    width = length(text)
    for (i = 1; i <= width; i++) label[rows, i - 1] = substr(text, i, 1)
}

# counts[tuple, feature], total[tuple] of the training documents; `by` 0: by the cousins' symbols, 1: by their clusters.
function look(by,   d, q, c, i, other, t, f) {
    delete counts; delete total; delete features; delete seen
    for (d = 1; d <= documents; d++)
        for (q = 0; q < parents; q++) {
            t = tuple[d, q]
            total[t]++
            for (c = 0; c < s; c++) {
                other = q - q % s + c
                if (other == q) continue
                for (i = 0; i < (by ? 1 : s); i++) {
                    f = q % s "," c "," i "," (by ? cluster[tuple[d, other]] : label[d, other * s + i])
                    counts[t, f]++
                    seen[t]++
                    features[f]
                }
            }
        }
    for (t in total) for (f in features) point[t, f] = (t, f) in counts ? sqrt(counts[t, f] / seen[t]) : 0
}
function distance(t, k,   f, sum) {
    for (f in features) sum += (point[t, f] - centre[k, f]) ^ 2
    return sum
}
function nearest(t, count,   k, best, far, least) {
    for (k = 0; k < count; k++) {
        far = distance(t, k)
        if (k == 0 || far < least) { least = far; best = k }
    }
    near = least
    return best
}
# k-means++, the best of some starts, into cluster[tuple].
function group_tuples(   start, k, t, f, sum, drawn, pass, cost, best, w) {
    best = -1
    for (start = 0; start < 10; start++) {
        for (k = 0; k < v; k++) {
            sum = 0
            for (t in total) { if (k) nearest(t, k); else near = 1; sum += total[t] * near }
            drawn = rand() * sum
            for (t in total) { if (k) nearest(t, k); else near = 1; drawn -= total[t] * near; if (drawn <= 0) break }
            for (f in features) centre[k, f] = point[t, f]
        }
        for (pass = 0; pass < 8; pass++) {
            delete sums; delete weight
            cost = 0
            for (t in total) {
                k = own[t] = nearest(t, v)
                cost += total[t] * near
                weight[k] += total[t]
                for (f in features) sums[k, f] += total[t] * point[t, f]
            }
            for (k = 0; k < v; k++) if (weight[k]) for (f in features) centre[k, f] = sums[k, f] / weight[k]
        }
        if (best < 0 || cost < best) { best = cost; for (t in total) chosen[t] = own[t] }
    }
    for (t in total) cluster[t] = chosen[t]
}
END {
    srand(1)
    for (; width > s; width = parents) {
        parents = width / s
        for (d = 1; d <= rows; d++)
            for (q = 0; q < parents; q++) {
                tuple[d, q] = ""
                for (i = 0; i < s; i++) tuple[d, q] = tuple[d, q] " " label[d, q * s + i]
            }
        for (by = 0; by < 4; by++) { look(by > 0); group_tuples() }
        for (d = 1; d <= rows; d++)
            for (q = 0; q < parents; q++) label[d, q] = tuple[d, q] in total ? cluster[tuple[d, q]] : "?"
    }
    for (d = 1; d <= rows; d++) if (group[d] == 2) votes[label[d, 0], node[d]]++
    for (pair in votes) {
        split(pair, is, SUBSEP)
        if (votes[pair] > most[is[1]]) { most[is[1]] = votes[pair]; meant[is[1]] = is[2] }
    }
    for (d = 1; d <= rows; d++) if (group[d] == 3) { items++; right += meant[label[d, 0]] == node[d] }
    printf "%.4f\n", right / items
}
