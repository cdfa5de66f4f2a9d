"""What a script was given, looked at before anything is computed or written. Each check ends the
script with one message: what is wrong, and what to do. Needs nothing but Python."""
import pickle
from pathlib import Path

TEXTS = ("tinystories_subset", "storybooks_african", "storybooks_pratham", "fairytaleqa_qa",
         "self_dialogue", "chatterbot_english")
CHECKPOINT = "last.pt"  # of a run of train.py


def refuse(what, todo):
    raise SystemExit(f"{what}\n  {todo}")


def check_file(option, path):
    if not Path(path).is_file():
        refuse(f"{option} is {path}, which is no file", "README.md says which step makes it.")


def check_data(folder):
    missing = [f"{name}.jsonl.xz" for name in TEXTS
               if not (Path(folder) / f"{name}.jsonl.xz").is_file()]
    if missing:
        refuse(f"--data is {folder}, which lacks {', '.join(missing)}",
               "README.md says what the folder holds.")


def check_new(path, todo="Give another --out."):
    if Path(path).exists():
        refuse(f"{path} is of a run that this one would write over", todo)


def check_least(args, least, *names):
    """The numbers `names` of args are at least `least`."""
    for name in names:
        if getattr(args, name) < least:
            refuse(f"--{name.replace('_', '-')} is {getattr(args, name)}",
                   f"Give at least {least}.")


def check_names(option, given, known):
    unknown = [name for name in given if name not in known]
    if unknown:
        refuse(f"{option} names {', '.join(map(repr, unknown))}", f"There are {', '.join(known)}.")


def checkpoint(path, load, *needed):
    """What `load` makes of the file, which has to hold the things `needed`."""
    todo = "Give one that train.py or distill.py saved."
    try:
        saved = load(path)
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        refuse(f"{path} is no checkpoint, or damaged: {str(error).splitlines()[0]}", todo)
    missing = [key for key in needed if not isinstance(saved, dict) or key not in saved]
    if missing:
        refuse(f"{path} holds no {', '.join(missing)}",
               "To carry on takes what train.py saved; with --weights a new run begins."
               if "adam" in missing and "model" not in missing else todo)
    return saved


def beginning(args):
    """The file whose weights a run of train.py begins with, or None. --resume goes before
    --weights: who carries on gives the options that the run was begun with."""
    return args.resume or args.weights


def check_training(args):
    """The arguments of train.py."""
    check_data(args.data)
    check_file("--tokenizer", args.tokenizer)
    for option in ("resume", "weights"):
        if getattr(args, option):
            check_file("--" + option, getattr(args, option))
    check_least(args, 1, "workers", "length", "per_skill", "mark_every")
    check_least(args, args.workers, "rows")
    if not args.resume:
        kept = Path(args.out) / CHECKPOINT
        check_new(kept, f"Carry that run on with --resume {kept}, or give another --out.")
