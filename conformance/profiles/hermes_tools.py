"""The 18 tools that hermes-agent offers in every request: its names, shapes and sizes, in our own words."""

from copy import deepcopy
from typing import Any, Final

from conformance.profiles.prose import fill

Shape = dict[str, Any]


def _text(says: str, size: int, **more: Any) -> Shape:
    return {"type": "string", "description": fill(says, size), **more}


def _number(says: str, size: int, **more: Any) -> Shape:
    return {"type": "integer", "description": fill(says, size), **more}


def _flag(says: str, size: int, **more: Any) -> Shape:
    return {"type": "boolean", "description": fill(says, size), **more}


def _texts(says: str, size: int, **more: Any) -> Shape:
    return {"type": "array", "items": {"type": "string"}, "description": fill(says, size), **more}


def _object(required: list[str], **properties: Shape) -> Shape:
    return {"type": "object", "properties": properties, "required": required}


def _list(says: str, size: int, items: Shape) -> Shape:
    return {"type": "array", "items": items, "description": fill(says, size)}


def _tool(name: str, says: str, size: int, required: list[str] | None, /, **properties: Shape) -> Shape:
    parameters: Shape = {"type": "object", "properties": properties}
    if required is not None:
        parameters["required"] = required
    described = {"name": name, "description": fill(says, size), "parameters": parameters}
    return {"type": "function", "function": described}


PINNED = _object(
    ["model"],
    provider=_text("The provider that runs the job; the present one where it is left out.", 223),
    model=_text("The model's name.", 65),
)
JOB = {
    "action": _text("What to do with the job: create, list, update, pause, resume, run or remove.", 126),
    "job_id": _text("The job's ID, for all but create and list.", 43),
    "prompt": _text("What the agent is told when the job runs.", 132),
    "schedule": _text("When it runs: an interval, a time of day, a date, or a cron line.", 270),
    "name": _text("A name for people to read.", 28),
    "repeat": _number("How often it runs before it ends; for ever where it is left out.", 84),
    "deliver": _text("Where the result goes: to this conversation, to a file, or to a channel.", 785),
    "skills": _texts("The skills that are loaded before the job runs.", 135),
    "model": {"type": "object", "description": "Run the job with this model."} | PINNED,
    "script": _text("A script whose output the agent is given when the job runs.", 436),
    "no_agent": _flag("Run the script alone and deliver what it prints.", 1113, default=False),
    "context_from": _texts("Jobs whose last results this one is given.", 407),
    "enabled_toolsets": _texts("The only groups of tools that the job may use.", 460),
    "workdir": _text("The folder in which the job runs.", 559),
    "attach_to_session": _flag("Add the result to this conversation.", 696),
}
ROLE = {"type": "string", "enum": ["leaf", "orchestrator"]}
TASK = _object(
    ["goal"],
    goal=_text("What this task is to reach.", 30),
    context=_text("What this task alone has to know.", 30),
    role=ROLE | {"description": "The role for this task alone."},
)
PLANNING: Final = [
    _tool(
        "clarify",
        "Ask the user one question where the task can't go on without the answer.",
        1185,
        ["question"],
        question=_text("The question.", 161),
        choices=_texts("Up to four answers to choose from.", 287, maxItems=4),
    ),
    _tool("cronjob", "Plan work that runs later or again and again.", 1016, ["action"], **JOB),
    _tool(
        "delegate_task",
        "Hand a part of the work to another agent that has its own conversation and reports back.",
        4002,
        None,
        goal=_text("What the other agent is to reach.", 130),
        context=_text("What it has to know for that; it knows nothing of this conversation.", 163),
        tasks=_list("Several tasks that are worked on at the same time.", 232, TASK),
        role=ROLE | {"description": fill("A leaf does the work itself; an orchestrator may delegate.", 303)},
        background=_flag("Do not wait for the result.", 363),
    ),
    _tool(
        "execute_code",
        "Run a Python program that can call the other tools, for work of many steps.",
        2032,
        ["code"],
        code=_text("The program. What it prints is the result.", 121),
    ),
]


FILES: Final = [
    _tool(
        "patch",
        "Change a part of a file.",
        483,
        ["mode"],
        mode=_text("Replace one text, or apply a patch.", 110, enum=["replace", "patch"], default="replace"),
        path=_text("The file, where one text is replaced.", 48),
        old_string=_text("The text to replace; it has to stand there once.", 169),
        new_string=_text("The text to put in its place.", 96),
        replace_all=_flag("Replace the text wherever it stands.", 76, default=False),
        patch=_text("The patch, for one file or several.", 180),
        cross_profile=_flag("Allow a file of another profile.", 166, default=False),
    ),
    _tool(
        "read_file",
        "Read a text file with line numbers.",
        539,
        ["path"],
        path=_text("The file.", 56),
        offset=_number("The first line to read.", 57, default=1, minimum=1),
        limit=_number("How many lines to read.", 57, default=500, maximum=2000),
    ),
    _tool(
        "search_files",
        "Search in files, or for files by their names.",
        435,
        ["pattern"],
        pattern=_text("A regular expression, or a pattern of names.", 80),
        target=_text("Where to search.", 75, enum=["content", "files"], default="content"),
        path=_text("The folder or file to search in.", 67, default="."),
        file_glob=_text("Only files whose names fit.", 79),
        limit=_number("How many results at most.", 49, default=50),
        offset=_number("How many results to skip.", 48, default=0),
        output_mode=_text("What to return.", 145, enum=["content", "files_only", "count"], default="content"),
        context=_number("Lines to show around a match.", 68, default=0),
    ),
    _tool(
        "write_file",
        "Write a whole file, with the folders that it needs.",
        387,
        ["path", "content"],
        path=_text("The file. What it held before is lost.", 87),
        content=_text("All of the file's content.", 37),
        cross_profile=_flag("Allow a file of another profile.", 302, default=False),
    ),
]


CHANGE = ["add", "replace", "remove"]
ENTRY = _object(
    ["action"],
    action={"type": "string", "enum": CHANGE},
    content=_text("The entry's new text.", 30),
    old_text=_text("A part of the entry that is meant.", 50),
)
ITEM = _object(
    ["id", "content", "status"],
    id=_text("A name that no other item has.", 22),
    content=_text("What is to be done.", 16),
    status=_text("How far it is.", 14, enum=["pending", "in_progress", "completed", "cancelled"]),
)
MEMORY: Final = [
    _tool(
        "memory",
        "Keep what will matter in later conversations.",
        1476,
        ["target"],
        action=_text("What to do with the entry.", 70, enum=CHANGE),
        target=_text("Notes of your own, or what is known of the user.", 73, enum=["memory", "user"]),
        content=_text("The entry's text, to add or replace.", 70),
        old_text=_text("A part of the entry that is meant.", 142),
        operations=_list("Several changes that are made together.", 209, ENTRY),
    ),
    _tool(
        "session_search",
        "Search earlier conversations, or read on in one of them.",
        3547,
        None,
        query=_text("What to look for; the latest conversations where it is left out.", 199),
        limit=_number("How many conversations at most.", 174, default=3),
        sort=_text("Which come first, where the matches are equal.", 326, enum=["newest", "oldest"]),
        session_id=_text("Read in this conversation.", 133),
        around_message_id=_number("Read around this message.", 217),
        window=_number("How many messages on either side.", 128, default=5),
        role_filter=_text("Only messages of these roles.", 229),
        profile=_text("Search the conversations of another profile.", 227),
    ),
    _tool(
        "todo",
        "Keep the list of what is to be done in this conversation.",
        647,
        None,
        todos=_list("The items; without them the list is returned.", 47, ITEM),
        merge=_flag("Change the items that are named and keep the rest.", 90, default=False),
    ),
]


SKILL = ["create", "patch", "edit", "delete", "write_file", "remove_file"]
HANDLING = ["list", "poll", "log", "wait", "kill", "write", "submit", "close"]
ACTIONS: Final = [
    _tool(
        "process",
        "Look after commands that run in the background.",
        358,
        ["action"],
        action=_text("What to do.", 41, enum=HANDLING),
        session_id=_text("The command's ID, for all but list.", 93),
        data=_text("What to write to the command.", 64),
        timeout=_number("Seconds to wait at most.", 74, minimum=1),
        offset=_number("The first line of the log.", 54),
        limit=_number("How many lines of the log.", 36, minimum=1),
    ),
    _tool(
        "skill_manage",
        "Write down how a kind of task is done, or change what was written down.",
        1787,
        ["action", "name"],
        action=_text("What to do.", 22, enum=SKILL),
        name=_text("The skill's name, in lower case with hyphens.", 133),
        content=_text("All of the skill's text.", 181),
        old_string=_text("The text to replace.", 145),
        new_string=_text("The text to put in its place.", 88),
        replace_all=_flag("Replace the text wherever it stands.", 90),
        category=_text("The group to which the skill belongs.", 150),
        file_path=_text("A file that belongs to the skill.", 212),
        file_content=_text("That file's content.", 48),
        absorbed_into=_text("The skill that holds from now on what this one held.", 473),
    ),
    _tool(
        "skill_view",
        "Read a skill before a task of its kind.",
        360,
        ["name"],
        name=_text("The skill's name.", 159),
        file_path=_text("One of the skill's files in place of its text.", 164),
    ),
    _tool("skills_list", "List the skills.", 86, None, category=_text("Only this group.", 42)),
    _tool(
        "terminal",
        "Run a command in a shell. The folder and the environment stay from one call to the next.",
        2324,
        ["command"],
        command=_text("The command.", 32),
        background=_flag("Do not wait for the command to end.", 621, default=False),
        timeout=_number("Seconds after which the command is ended.", 237, minimum=1),
        workdir=_text("The folder in which to run it.", 94),
        pty=_flag("Run it in a terminal of its own.", 156, default=False),
        notify_on_complete=_flag("Tell when a command in the background has ended.", 442, default=False),
        watch_patterns=_texts("Tell when one of these appears in the output.", 1024),
    ),
    _tool(
        "text_to_speech",
        "Make speech from a text.",
        394,
        ["text"],
        text=_text("The text.", 209),
        output_path=_text("Where to put the recording.", 94),
    ),
    _tool(
        "vision_analyze",
        "Look at an image.",
        468,
        ["image_url", "question"],
        image_url=_text("The image: an address or a file.", 62),
        question=_text("What to find out.", 123),
    ),
]


def tools() -> list[Shape]:
    """The tools in the order in which they are sent, by name; they may be changed."""
    unordered = deepcopy([*PLANNING, *FILES, *MEMORY, *ACTIONS])
    return sorted(unordered, key=lambda tool: str(tool["function"]["name"]))
