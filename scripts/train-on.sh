#!/usr/bin/env bash
# A training in the background that goes on for days: it survives the shell, later builds of the program, kills and restarts of the machine.
#
#   scripts/train-on.sh [start]             starts or resumes; refuses where it already runs
#     --data FILE      zip or folder of the training images (default INVFUSION_FACES, then ../shared/data/faces64_train.zip beside the repository)
#     --val FILE       validation images (default faces64_val.zip beside the training images; none where there is no such file)
#     --config FILE    configuration of all stages, in place of the table's
#     --stages FILE    another table of stages
#     --update         takes a copy of the program as it is now; a resumed training keeps its old one otherwise
#     --no-build       copies the Release build that is there without building first
#   scripts/train-on.sh status              how far it is, how fast, what ended it; exit code 1 where it died
#   scripts/train-on.sh pause | resume      stops its threads where they are (for a measurement) and lets them continue
#   scripts/train-on.sh stop                ends it with a checkpoint, and checks that checkpoint
#   scripts/train-on.sh log [LINES|-f]      the end of its log, or the log as it grows
#   scripts/train-on.sh average OUT [NAME]  copies the newest averaged weights, of the stage that trains or of NAME
#   scripts/train-on.sh cooldown IMAGES NAME [TRUNK]
#       copies TRUNK's newest state (default: the stage that trains) into the new run NAME, which trains IMAGES more while the learning rate falls to
#       zero; then the stages continue. TRUNK stays as it is, at its constant rate.
#
# Everything lies in INVFUSION_RUNS (default ~/.local/share/invfusion/runs): the runs themselves, data/, program/ and control/ (log, process numbers, and the
# table of stages, which may be edited while nothing runs). Exit code 2 is wrong usage, 1 any other failure.
set -euo pipefail

# Run, images in all, configuration, options of `invfusion train`. A run that stands twice is continued. The rate stays constant: cool-downs are branches.
# A warm start, of which the folder gets a copy, is worth ten thousand images of the first hours (docs/recipe.md).
default_stages() {
    cat <<'TABLE'
faces64        400000   configs/faces64-joint.json  --cool-down 0 --warm-start models/faces64.safetensors
faces64-blind  400000   configs/faces64-joint.json  --cool-down 0 --kind Blind --warm-start models/faces64-blind.safetensors
faces64        1500000  configs/faces64-joint.json  --cool-down 0
TABLE
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
self=$root/scripts/$(basename "${BASH_SOURCE[0]}")
home=$(realpath -m "${INVFUSION_RUNS:-$HOME/.local/share/invfusion/runs}")
control=$home/control
log=$control/log

die() {
    echo "train-on: $1" >&2
    exit "${2:-1}"
}

# shellcheck source=scripts/train-on-runs.sh
source "$root/scripts/train-on-runs.sh"

# ---- start

copy_program() { # what lies in the repository is copied; links into the package cache stay links
    local output=$root/src/InvFusion.Cli/bin/Release/net10.0 name target
    name=$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null) || name=unknown
    # A tree with changes has no name of its own.
    [[ -z $(git -C "$root" status --porcelain -- src Directory.Build.props Directory.Packages.props 2>/dev/null) ]] || name+=-changed-$(date +%Y%m%d-%H%M%S)
    if [[ ! -d $home/program/$name ]]; then
        if [[ $1 == build ]]; then
            echo "train-on: building the program"
            # No build server may inherit the lock.
            dotnet build "$root/src/InvFusion.Cli" -c Release -v q --nologo --disable-build-servers 8>&- || die "the program does not build; see above"
        fi
        [[ -f $output/InvFusion.Cli.dll ]] || die "$output/InvFusion.Cli.dll is missing: leave --no-build out"
        rm -rf "$home/program/copy"
        mkdir -p "$home/program"
        cp -a "$output" "$home/program/copy"
        rm -rf "$home/program/copy/models" # the shipped models are not needed
        find "$home/program/copy" -type l | while read -r link; do
            target=$(readlink -f "$link")
            [[ $target != "$root"/* ]] || cp --remove-destination "$target" "$link"
        done
        mv -T "$home/program/copy" "$home/program/$name"
    fi
    echo "$name" >"$control/program"
}

prepare() { # source target: once; another source under the same name is refused
    local made
    made=$(cat "$home/data/$2.source" 2>/dev/null) || made=
    if [[ -f $home/data/$2.ifds ]]; then
        [[ -z $1 || $1 == "$made" ]] || die "$home/data/$2.ifds was made of $made, not $1: name another folder by INVFUSION_RUNS for other data"
        return
    fi
    [[ -n $1 ]] || return 0
    [[ -e $1 ]] || die "$1 does not exist: give the images by --data FILE or INVFUSION_FACES (validation images: --val)"
    mkdir -p "$home/data"
    echo "$1" >"$home/data/$2.source"
    invfusion dataset prepare "$1" "$home/data/$2.ifds" --size "$size" 8>&- || die "$1: the images cannot be prepared; see above"
}

record_stages() { # table configuration: the table, its configurations and warm starts, as they are when the training is first started
    local name images config options warm
    mkdir -p "$control/configs" "$control/warm"
    while read -r name images config options; do
        [[ -n $name && $name != \#* ]] || continue
        [[ $name =~ ^[A-Za-z0-9._-]+$ && $images =~ ^[0-9]+$ ]] || die "stage '$name $images': needs a name of letters, digits, '.', '_', '-' and a number of images"
        config=${2:-$config}
        [[ $config == /* ]] || config=$root/$config
        [[ -f $config ]] || die "$config does not exist: --config FILE names the configuration of all stages"
        # A configuration that validates does so on the images prepared here.
        sed -zE "s|(\"validation\": *\{[^}]*\"data\": *\")[^\"]*|\1$home/data/val.ifds|" "$config" >"$control/configs/$(basename "$config")"
        if [[ $options =~ --warm-start\ +([^ ]+) ]]; then
            warm=${BASH_REMATCH[1]}
            [[ $warm == /* ]] || warm=$root/$warm
            [[ -f $warm ]] || die "$warm does not exist: name a network file that $name can start from, or leave --warm-start out of its stage"
            cp "$warm" "$control/warm/$(basename "$warm")"
            options=${options/"${BASH_REMATCH[0]}"/--warm-start $control/warm/$(basename "$warm")}
        fi
        echo "$name $images $control/configs/$(basename "$config") $options"
    done <<<"$1" >"$control/stages.new"
    mv "$control/stages.new" "$control/stages"
}

lock_start() {
    { mkdir -p "$control" && touch "$log" "$control/start.lock" "$control/run.lock"; } 2>/dev/null ||
        die "$home cannot be written: set INVFUSION_RUNS to a folder that can"
    exec 8>"$control/start.lock"
    flock -w 600 8 || die "another start has been under way for ten minutes"
}

start() {
    local data='' val='' config='' stages='' update='' build=build size before name images
    while (($#)); do
        case $1 in
            --data | --val | --config | --stages)
                [[ -n ${2:-} ]] || die "$1 needs a file" 2
                printf -v "${1#--}" %s "$(realpath -m "$2")"
                shift
                ;;
            --update) update=1 ;;
            --no-build) build= ;;
            *) die "unknown option '$1'; 'train-on.sh help' lists them" 2 ;;
        esac
        shift
    done
    for tool in flock setsid dotnet; do command -v $tool >/dev/null || die "$tool is missing: install util-linux and the .NET SDK"; done
    lock_start
    if runs; then
        trainer >/dev/null || die "it already runs (between two stages)"
        has_keeper || die "the training still runs (process $(trainer)), what started it is gone: 'stop', then 'start'"
        if paused; then die "it already runs, and is paused: 'resume' lets it continue"; fi
        die "it already runs (process $(trainer)): 'status' says how far it is"
    fi
    # A table that is given is taken only where there is none: runs that have begun belong to theirs.
    if [[ ! -f $control/stages ]]; then
        [[ -z $stages || -s $stages ]] || die "--stages $stages: is no table of stages (see the default one in this script)"
        record_stages "$(if [[ -n $stages ]]; then cat "$stages"; else default_stages; fi)" "$config"
    elif [[ -n $config$stages ]]; then
        die "$control/stages exists; edit it, or name another folder by INVFUSION_RUNS"
    fi
    if [[ -z $(pending) ]]; then
        echo "nothing to do: every stage in $control/stages has its images"
        return
    fi
    if [[ -n $update || ! -f $control/program ]]; then copy_program "$build"; fi
    [[ -z $(find -L "$(program)" -type l) ]] || die "$(program): the package cache no longer has its libraries; 'start --update' makes a new copy"

    read -r name images config _ < <(pending)
    size=$(sed -n 's/.*"resolution": *\([0-9]*\).*/\1/p;T;q' "$config")
    if [[ ! -f $home/data/train.ifds && -z $data ]]; then data=$(realpath -m "${INVFUSION_FACES:-$root/../shared/data/faces64_train.zip}"); fi
    prepare "$data" train
    if [[ ! -f $home/data/val.ifds && -z $val && -n $data ]]; then
        val=$(dirname "$data")/faces64_val.zip
        [[ -f $val ]] || val=
    fi
    prepare "$val" val
    [[ -f $home/data/val.ifds ]] || ! grep -q '"validation": *{' "$config" || die "$config validates: give the validation images by --val FILE"

    rm -f "$control/stop" "$control/ended" "$control/trainer"
    before=$(starts "$name")
    nohup setsid nice -n 19 "$self" background </dev/null >>"$log" 2>&1 8>&- &
    for ((i = 0; i < 1200; i++)); do # until it trains: the program starts, loads the newest state
        sleep 0.1
        (($(starts "$name") == before)) || break
        [[ ! -e $control/ended ]] || break
    done
    if [[ -e $control/ended && $(cat "$control/ended") == died* ]]; then
        tail -3 "$log" >&2
        die "$(cat "$control/ended")"
    fi
    if (($(seen "$name") > 0)); then
        echo "resumed $name at image $(seen "$name") of $images (process $(trainer || true), program $(cat "$control/program"), $log)"
    else
        echo "started $name, $images images (process $(trainer || true), program $(cat "$control/program"), $log)"
    fi
}

starts() { { cat "$home/$1/versions.jsonl" 2>/dev/null || true; } | wc -l; } # how often the run was begun or resumed

# ---- the other commands

stop() {
    runs || die "nothing runs in $home"
    local name pid signalled='' limit=${INVFUSION_STOP_SECONDS:-900} state deadline
    read -r _ name _ <"$control/trainer" 2>/dev/null || name=$(current)
    touch "$control/stop"
    deadline=$((SECONDS + limit))
    while runs; do
        if pid=$(trainer) && [[ $pid != "$signalled" ]]; then
            kill -TERM "$pid" 2>/dev/null || true
            kill -CONT "$pid" 2>/dev/null || true
            signalled=$pid
        fi
        if ((SECONDS >= deadline)); then
            echo "train-on: it did not end within $limit s and is killed; the last checkpoint counts" >&2
            [[ -z ${pid:-} ]] || kill -KILL "$pid" 2>/dev/null || true
            ! has_keeper || kill -KILL "$(cat "$control/pid")" 2>/dev/null || true
            deadline=$((SECONDS + 60))
        fi
        sleep 0.2
    done
    [[ -e $control/ended ]] || ended "stopped: $name at image $(seen "$name")"
    state=$(newest_state "$name")
    if [[ -z $state ]]; then
        echo "stopped: $name has no checkpoint yet"
    elif invfusion model info "$state" >/dev/null; then
        echo "stopped: $name at image $(seen "$name"); $state is whole"
    else
        die "stopped, but $state is not whole; 'start' takes the one before"
    fi
}

average() {
    [[ -n ${1:-} ]] || die "average: name the file to write" 2
    local name=${2:-}
    [[ -n $name ]] || name=$(current) || name=$(trunk)
    local from=$home/$name/network-ema.safetensors
    [[ -f $from ]] || die "$from does not exist (yet)"
    cp "$from" "$1.tmp" && mv "$1.tmp" "$1" # the training replaces the file as a whole, so a copy is whole too
    echo "$1: $name after $(grep -aom1 '"invfusion.images":"[0-9]*"' "$1" | tr -dc 0-9) images"
}

cooldown() {
    [[ ${1:-} =~ ^[1-9][0-9]*$ && ${2:-} =~ ^[A-Za-z0-9._-]+$ ]] || die "cooldown: give the number of images and the name of the branch" 2
    [[ -f $control/stages ]] || die "$home: no training was started here"
    local images=$1 name=$2 trunk=${3:-} state
    lock_start
    [[ -n $trunk ]] || trunk=$(trunk)
    [[ ! -e $home/$name ]] || die "$home/$name exists: choose another name"
    [[ -f $home/$trunk/options.json ]] || die "$trunk has not begun"
    if runs; then stop; fi # its checkpoint of this moment is the branching point
    state=$(newest_state "$trunk")
    [[ -n $state && $(seen "$trunk") -gt 0 ]] || die "$trunk has no checkpoint yet"
    # A state without options.json is taken over under other options; the trunk's own are the configuration.
    mkdir "$home/$name.new"
    cp "$state" "$home/$name.new/"
    cp "$home/$trunk/options.json" "$control/configs/branch-$name.json"
    mv "$home/$name.new" "$home/$name"
    echo "$name $(($(seen "$trunk") + images)) $control/configs/branch-$name.json --cool-down $images" >>"$control/branches"
    start
}

main() {
    local command=${1:-start} pid
    shift $(($# > 0))
    case $command in
        background) background ;;
        start) start "$@" ;;
        --*) start "$command" "$@" ;;
        status) status ;;
        stop) stop ;;
        average) average "$@" ;;
        cooldown) cooldown "$@" ;;
        pause | resume)
            pid=$(trainer) || die "nothing trains in $home; 'start' does"
            if [[ $command == pause ]]; then kill -STOP "$pid"; else kill -CONT "$pid"; fi
            echo "${command}d (process $pid)"
            ;;
        log) if [[ ${1:-} == -f ]]; then exec tail -f "$log"; else tail -n "${1:-40}" "$log"; fi ;;
        help | -h) sed -n '2,/^set /p' "$self" | sed '$d; s/^# \{0,1\}//' ;;
        *) die "unknown command '$command'; 'train-on.sh help' lists them" 2 ;;
    esac
}

# Bash reads a script while it runs it: in one line, so that nothing is read after the work, when the file may be another.
main "$@"; exit
