# Sourced by train-on.sh, which sets $home, $control and $log: what is in the folder of the runs, the background process, and what `status` says of it.
# shellcheck shell=bash disable=SC2154

# ---- what is there

newest_state() { { find "$home/$1" -maxdepth 1 -name 'state-*.safetensors' 2>/dev/null || true; } | sort | tail -1; }

seen() { # images in the newest state of a run
    local state
    state=$(basename "$(newest_state "$1")" .safetensors)
    echo $((10#0${state#state-}))
}

# Branches first: they are short, and somebody waits for them.
table() { cat "$control/branches" "$control/stages" 2>/dev/null | grep -v -e '^ *#' -e '^ *$' || true; }

pending() { # lines of the table that are not finished
    local name images rest
    table | while read -r name images rest; do
        (($(seen "$name") >= images)) || echo "$name $images $rest"
    done
}

current() { # the run that trains, or would
    local name
    read -r name _ < <(pending) && echo "$name"
}

trunk() { # the stage that trains, branches left aside; the last one where all are finished
    local name images last
    while read -r name images _; do
        last=$name
        (($(seen "$name") >= images)) || break
    done <"$control/stages"
    echo "$last"
}

value() { grep -o "\"$1\":[-+0-9.eE]*" | tail -1 | cut -d: -f2; }

# The lock is held by the background process and by the training itself, and ends with both.
runs() { [[ -e $control/run.lock ]] && ! flock -n -s "$control/run.lock" true; }

trainer() { # its process number; fails where there is none
    local pid
    pid=$(cut -d' ' -f1 "$control/trainer" 2>/dev/null) && [[ -n $pid ]] || return 1
    grep -qaF -- "$home/" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

# The background process that leads from stage to stage; one that was killed may still have a number, but no command line.
has_keeper() { grep -qa background "/proc/$(cat "$control/pid")/cmdline" 2>/dev/null; }

paused() { local pid && pid=$(trainer) && [[ $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) == T* ]]; }

program() { echo "$home/program/$(cat "$control/program")"; }

invfusion() { dotnet "$(program)/InvFusion.Cli.dll" "$@"; }

# ---- the background process

ended() { # text: what `status` says of the end
    echo "$1" >"$control/ended"
    echo "== $(date '+%F %T') $1" >>"$log"
}

background() {
    local name images config code pid options
    exec 9>"$control/run.lock"
    flock -w 10 9 || exit 1
    echo $$ >"$control/pid"
    trap '' HUP
    trap 'touch "$control/stop"; kill -TERM "${pid:-}" 2>/dev/null || true' TERM INT
    while [[ ! -e $control/stop ]] && read -r name images config options < <(pending); do
        # shellcheck disable=SC2206 # words of the table
        local arguments=(--out "$home/$name" --images "$images" $options)
        # A run that has begun keeps its own configuration.
        [[ -f $home/$name/options.json ]] || arguments+=(--config "$config" --data "$home/data/train.ifds")
        echo "== $(date '+%F %T') $name to $images images, program $(cat "$control/program")" >>"$log"
        dotnet "$(program)/InvFusion.Cli.dll" train "${arguments[@]}" >>"$log" 2>&1 &
        pid=$!
        echo "$pid $name $images" >"$control/trainer"
        code=0
        wait "$pid" || code=$?
        while kill -0 "$pid" 2>/dev/null; do # a signal ended the wait, not the training
            code=0
            wait "$pid" || code=$?
        done
        rm -f "$control/trainer"
        if [[ $code == 130 ]] || { [[ -e $control/stop ]] && ((code == 143)); }; then
            ended "stopped: $name at image $(seen "$name") of $images"
            exit 0
        elif ((code != 0)); then
            ended "died: $name at image $(seen "$name") of $images, exit code $code$([[ $code == 137 ]] && echo ' (killed)')"
            exit 1
        elif (($(seen "$name") < images)); then
            ended "died: $name ended at image $(seen "$name") of $images without an error"
            exit 1
        fi
    done
    if [[ -e $control/stop ]]; then ended "stopped between two stages"; else ended "complete: every stage has its images"; fi
}

# ---- status

duration() { printf '%d h %02d min' $(($1 / 3600)) $(($1 / 60 % 60)); }

status() {
    [[ -f $control/stages ]] || die "$home: no training was started here"
    local name images rest stats state rate left count total=0 line run until
    if read -r name images rest < <(pending); then
        stats=$home/$name/stats.jsonl
        line=$(grep secondsPerKimg "$stats" 2>/dev/null | tail -1) || line=
        count=$(value images <<<"$line") || count=0
        (($(seen "$name") <= count)) || count=$(seen "$name")
        rate=$(grep -o '"secondsPerKimg":[0-9.eE+-]*' "$stats" 2>/dev/null | tail -n 8 | cut -d: -f2 | awk '{s += $1} END {if (s > 0) printf "%.1f", 1000 * NR / s}') || rate=
        echo "$name: $count of $images images ($((100 * count / images)) %)${rate:+, $rate images a second}${line:+, loss $(printf %.4f "$(value loss <<<"$line")"), learning rate $(printf %.3g "$(value learningRate <<<"$line")")}"
        if [[ -n $rate ]]; then
            declare -A at=()
            while read -r run until rest; do # a run may stand twice, the second time for what is beyond the first
                if [[ $run == "$name" ]]; then : "${at[$run]:=$count}"; else : "${at[$run]:=$(seen "$run")}"; fi
                if ((until > at[$run])); then
                    left=$(awk "BEGIN {printf \"%d\", ($until - ${at[$run]}) / $rate}")
                    total=$((total + left))
                    echo "$run to $until: $(duration "$left"), expected $(date -d "+$total seconds" '+%F %H:%M')"
                    at[$run]=$until
                fi
            done < <(pending)
        fi
        line=$(grep validationLoss "$stats" 2>/dev/null | tail -1) || line=
        [[ -z $line ]] || echo "validation at image $(value images <<<"$line"): loss $(printf %.4f "$(value validationLoss <<<"$line")")"
        state=$(newest_state "$name")
        [[ -z $state ]] || echo "checkpoint: $state, $(date -r "$state" '+%F %H:%M')"
    fi
    echo "program: $(cat "$control/program" 2>/dev/null || echo none); log: $log"
    if paused; then
        echo "paused (process $(trainer)): 'resume' lets it continue"
    elif runs; then
        echo "runs (process $(trainer || echo 'between two stages'))"
        has_keeper || echo "what started it is gone, it will end with this stage: 'stop', then 'start'"
    elif [[ -e $control/ended ]] && ! grep -q '^died' "$control/ended"; then
        cat "$control/ended"
    else
        tail -5 "$log"
        # No word of its end: the machine went down, or both processes were killed.
        cat "$control/ended" 2>/dev/null || echo "died without a word"
        echo "does not run; 'start' resumes it from its newest whole checkpoint"
        return 1
    fi
}
