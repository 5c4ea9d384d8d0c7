# A study as ltm sweep leaves it, with fixed figures, for the tests of its report: 3 widths, 3 latent sizes, 2 step
# counts, 2 budgets, two seeds of some, logs of a few; a cell that failed and one whose name and figures are somebody's bad joke.
# shellcheck shell=bash

write_study() { # folder
    mkdir -p "$1/cells"
    awk -v folder="$1" '
        function noise() { return 1 + 0.004 * (rand() - 0.5) }
        function row(width, latents, steps, budget, seed,    n, m, s, f, tokens, loss, name) {
            n = 2048 * width + (latents ? 16 : 12) * 2 * width * width
            m = latents * width
            s = latents ? steps : ""
            f = 2 * n
            tokens = budget
            loss = (2 + 300 / n ^ 0.42 + 900 / tokens ^ 0.5 + 0.15 / (1 + m / 128) ^ 0.7 + (latents ? 0.3 / steps ^ 0.9 : 0)) * noise()
            name = "dim" width "-latents" latents (latents ? "-steps" steps : "") "-tokens" budget "-seed" seed
            printf "%s,done,%d,%d,2,%d,%s,%d,,%d,%d,%d,%d,%d,%.0f,%.0f,90,%d,", name, seed, width, latents, s, budget, tokens, n,
                n - 2048 * width, m, f, (latents ? 2 * steps + 3 : 3) * f, (latents ? 2 * steps + 3 : 3) * f * tokens, tokens > table
            printf "%.5f,0.01,%.5f,0.001,%.5f,0.01,%.5f,0.015,0.25\n", loss - 0.01, 0.01, loss, loss * 0.97 > table
            if (width > 32 || budget > 100000) return
            system("mkdir -p \"" folder "/cells/" name "\"")
            log_file = folder "/cells/" name "/log.jsonl"
            for (i = 1; i <= 60; i++) {
                printf "{\"step\":%d,\"tokens\":%d,\"recon\":%.4f,\"kl\":0.01,\"loss\":%.4f,\"lr\":0.001,\"grad_norm\":1,\"seconds\":%d}\n",
                    i, i * tokens / 60, loss + 3 / i, loss + 3 / i, i > log_file
                if (i % 15 == 0)
                    printf "{\"step\":%d,\"tokens\":%d,\"heldout\":true,\"recon\":%.4f,\"kl\":0.01,\"bound\":%.4f,\"bound_error\":0.01}\n",
                        i, i * tokens / 60, loss + 2 / i, loss + 2 / i + 0.01 > log_file
            }
            close(log_file)
        }
        BEGIN {
            srand(5)
            table = folder "/results.csv"
            printf "cell,status,seed,model.dim,model.heads,latent.count,fast.steps,budget_tokens,budget_flops,tokens,parameters," \
                "parameters_without_embeddings,latent_numbers,forward_flops,training_flops_per_token,training_flops,step," \
                "scored_tokens,recon,recon_stderr,kl,kl_stderr,bound,bound_stderr,continuation,continuation_stderr," \
                "\"odd, <b>\"\"acc\"\"</b>\"\n" > table
            for (budget = 100000; budget <= 900000; budget *= 9)
                for (width = 32; width <= 128; width *= 2)
                    for (latents = 0; latents <= 16; latents += latents ? 12 : 4)
                        for (steps = 2; steps <= (latents ? 8 : 2); steps *= 4)
                            for (seed = 1; seed <= (budget == 900000 && latents == 16 && steps == 2 ? 2 : 1); seed++)
                                row(width, latents, steps, budget, seed)
            print "dim32-failed,failed,1,32,2,4,2,100000,,100000,,,,,,,,,,,,,,,,," > table
            print "../../<script>alert(1)</script>,failed,1,32,2,4,2,100000,,100000,,,,,,,,,,,,,\"x\"\"><img src=x onerror=alert(1)>\",,,," > table
        }'
    printf '{"step": 1, "loss": "</script>\n' >>"$1/cells/dim32-latents0-tokens100000-seed1/log.jsonl"
}

# Every tag that is opened is closed in its turn; ids are there once.
balanced() { # file
    tr '\n' ' ' <"$1" | grep -o '<[^>]*>' | awk '
        match($0, / id="[^"]*"/) { if (seen[substr($0, RSTART, RLENGTH)]++) { print "twice:" substr($0, RSTART, RLENGTH); bad = 1 } }
        /^<[!?]/ || /^<(meta|link|br|img)[ >]/ || /\/>$/ { next }
        /^<\// { name = substr($1, 3); sub(/>.*/, "", name)
                 if (stack[depth] != name) { print "<" stack[depth] "> is closed by </" name ">"; exit 1 }
                 depth--; next }
        { name = substr($1, 2); sub(/>.*/, "", name); stack[++depth] = name }
        END { if (depth) print "<" stack[depth] "> stays open"; exit bad || depth != 0 }'
}
