"""What stands in for a reader's cameras, pictures, trainings and boards."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from itertools import pairwise

# What takes these names: a dozen generated photographs, a clip, a picture, a short training, a
# folder of pairs, the folder of the repository.
PHOTOGRAPHS = ("photos/", "rainy_photos/", "held_out/", "bsds40/")
CLIPS = ("rain.mp4",)
PICTURES = ("rainy.jpg",)
RUNS = ("run/",)
PAIRS = ("Rain200H/", "Rain100L/", "Rain100H/")
REPOSITORY = ("training/",)

# Cameras: a few frames of the demo, and an RTSP server on the loopback interface.
REPLACED = (
    (r"--camera (0|/dev/video\d+)\b", "--camera demo --max-frames 4"),
    (r"--capture-size 1280x720 --capture-fps 15 ", ""),
    (r"(--camera demo --max-frames 4\b.*) --max-frames \d+", r"\1"),
    (r"rtsp://camera/stream", "{rtsp}"),
    (r"@camera/stream", "@{host}"),
    # The live page: any free port of the loopback interface.
    (r"--serve (0\.0\.0\.0:)?8080\b", "--serve 127.0.0.1:0"),
)

FIVE_STEPS = "--set steps=5 --set batch=2 --set crop=48 --set warmup=2 --set compile=false"
FEW_PICTURES = "--limit 3"
# Smaller than the frames of the demo, which check an export otherwise.
SMALL_PICTURES = "--data rainy_photos/"
FEW_FRAMES = "--iterations 2 --warmup 1 --no-power"
RUN_FILES = ("config.json", "weights.safetensors", "run.json", "log.csv")
A_RUN = tuple(f"{{output}}/{name}" for name in RUN_FILES)


@dataclass(frozen=True)
class Rule:
    """How commands that begin like this one are run, and what is expected of them.

    Files named by --output, --csv, --html, --json and --gallery are expected without a rule.

    Args:
        start: first words of the command; the longest rule that fits is taken
        appended: options that make it short
        replaced: regular expression and what replaces it
        output: what it writes where its options name no output
        leaves: files that it writes besides; {output} is the first output, {stem} its name without
            the suffix
        says: regular expression to be found in what it prints
        refusal: regular expression of what it says, and fails, where no GPU is present
        needs: module without which the command cannot do its work on this Python
        not_run: why the command is not run at all
    """

    start: str
    appended: str = ""
    replaced: tuple[str, str] = ("", "")
    output: str = ""
    leaves: tuple[str, ...] = ()
    says: str = ""
    refusal: str = ""
    needs: str = ""
    not_run: str = ""


RULES = (
    Rule("make run", not_run="a step of .ci/run"),
    Rule("make test", not_run="a step of .ci/run"),
    Rule("make lint", not_run="a step of .ci/run"),
    Rule("make test-neuromorphic", not_run="a step of .ci/run"),
    Rule("make test-fast", not_run="a part of make test"),
    Rule("make format", not_run="changes the repository; make lint checks the same"),
    Rule(
        "pip install .",
        "--no-deps --no-build-isolation --target site",
        replaced=(r"\.$", "{root}"),
        leaves=("site/bin/spikerain-edge", "site/bin/spikerain-train"),
    ),
    Rule(
        "pip install '.",
        "--no-deps --no-build-isolation --ignore-installed --dry-run",
        replaced=(r"'\.", "'{root}"),
        says="Would install spikerain-edge",
    ),
    Rule("spikerain-edge run"),
    # make run, a step of .ci/run, shows the whole clip.
    Rule("spikerain-edge run --camera demo", "--max-frames 9"),
    Rule(
        "spikerain-edge run --camera rtsp://camera/stream --max-frames 25 --output - |",
        says="Video: h264",
    ),
    Rule(
        "spikerain-edge run --camera rtsp://camera/stream --wait-for-camera --gate auto",
        not_run="needs a server that takes streams; tests/stream pushes to ffmpeg",
    ),
    Rule("python3 docs/ros2_node.py", not_run="needs ROS 2; tests/docs/test_ros2_node.py runs it"),
    Rule("spikerain-edge run --camera 'gst://videotestsrc", leaves=("gst_0.jpg", "gst_8.jpg")),
    Rule("printf 'secret", leaves=("password",)),
    Rule("RTSP_USER=me RTSP_PASSWORD_FILE=password spikerain-edge run"),
    # Without a broker the run goes on.
    Rule(
        "MQTT_PASSWORD_FILE=password spikerain-edge run",
        replaced=(r"@broker:1883", "@127.0.0.1:1"),
    ),
    Rule("openssl rand", leaves=("token",)),
    Rule("SPIKERAIN_TOKEN_FILE=token spikerain-edge run"),
    Rule("spikerain-edge batch", "--workers 1", leaves=("{output}/manifest.jsonl",)),
    Rule(
        "spikerain-edge batch photos/ --output clean/ --address head:6379",
        not_run="needs a Ray cluster; tests/batch starts one of two nodes",
    ),
    Rule("spikerain-edge doctor", says="nano-int8"),
    Rule(
        "spikerain-edge profile",
        FEW_FRAMES,
        replaced=(r"--imgsz (256 512 720|640x480)", "--imgsz 64"),
    ),
    Rule(
        "spikerain-edge profile --model m",
        FEW_FRAMES,
        replaced=(r"--model m --imgsz 256 512 720", "--model s --imgsz 32"),
        says="Table 1",
    ),
    Rule(
        "spikerain-edge profile --model nano-720p.engine",
        FEW_FRAMES,
        output="nano-720p.engine",
        # The engine could not be built.
        refusal="nano-720p.engine",
    ),
    Rule(
        "spikerain-edge profile --model nano --imgsz 16 32 256 --neuromorphic",
        FEW_FRAMES,
        replaced=("16 32 256", "16"),
        says="SpiNNaker",
    ),
    Rule(
        "spikerain-edge export run",
        SMALL_PICTURES,
        output="nano.onnx",
        leaves=("{stem}.probe.onnx",),
    ),
    Rule(
        "spikerain-edge export run/ --output mine.onnx --data rainy_photos/",
        leaves=("{stem}.probe.onnx",),
    ),
    Rule(
        "spikerain-edge export nano --int8",
        SMALL_PICTURES,
        output="nano-int8.onnx",
        leaves=("{stem}.probe.onnx",),
    ),
    Rule(
        "spikerain-edge export nano --int8 --target openvino",
        SMALL_PICTURES,
        output="nano-int8-openvino.onnx",
        leaves=("nano-int8-openvino.probe.onnx",),
        needs="openvino",
    ),
    Rule(
        "spikerain-edge benchmark",
        "--rounds 1 --iterations 1 --warmup 0 --no-power --formats fp32 --backends cpu",
        replaced=(r"--model \S+ --imgsz \S+", "--model nano --imgsz 32"),
    ),
    Rule(
        "spikerain-edge export nano --half",
        SMALL_PICTURES,
        output="nano-fp16.onnx",
        leaves=("{stem}.probe.onnx",),
    ),
    Rule(
        "spikerain-edge export nano --half --imgsz 640x480",
        replaced=("640x480", "160x120"),
        output="nano-fp16-160x120.onnx",
        leaves=("{stem}.probe.onnx",),
    ),
    Rule(
        "spikerain-edge export nano --format engine --fp16",
        output="nano-fp16-tensorrt.engine",
        refusal="finds no GPU on this machine|TensorRT",
    ),
    Rule(
        "spikerain-edge export nano --format engine --int8 --capability",
        SMALL_PICTURES,
        output="nano-int8-tensorrt.engine",
        leaves=("{stem}.onnx", "{stem}.probe.onnx"),
        says="has not been run",
        needs="tensorrt_rtx_bindings",
    ),
    Rule(
        "spikerain-edge export nano --format engine --fp16 --imgsz 640x480 --plan",
        output="nano-fp16.engine",
        leaves=("{stem}.plan",),
        refusal="finds no GPU on this machine|TensorRT",
    ),
    Rule(
        "spikerain-edge export training/checkpoints/nano-spike --format nir",
        not_run="tests/export/commands/test_export_nir.py exports such a network",
    ),
    Rule(
        "python benchmarks/nir_simulators.py",
        not_run="tests/export/test_nir_simulators.py runs it where the simulators are",
    ),
    Rule(
        "spikerain-edge neuromorphic run",
        not_run="tests/export/test_neuromorphic_run.py runs a smaller network",
    ),
    Rule("trtexec", not_run="needs TensorRT's own tool; tests/export builds the plan"),
    Rule("gst-launch-1.0", not_run="tests/stream/test_gstreamer_element.py runs such pipelines"),
    Rule("gst-inspect-1.0", not_run="tests/stream/test_gstreamer_element.py loads the element"),
    Rule("sudo apt-get", not_run="installs packages of the system; .ci/run installs the same"),
    Rule("export GST_PLUGIN_PATH", not_run="sets a variable of the shell"),
    Rule("export PATH", not_run="sets a variable of the shell"),
    Rule("python3 -m venv", not_run="tests/deploy makes such an environment"),
    Rule(".venv/bin/pip install", not_run="tests/deploy installs into an environment"),
    Rule(
        "spikerain-edge info nano-int8-tensorrt.engine", says="8.6", needs="tensorrt_rtx_bindings"
    ),
    Rule("spikerain-train prepare", says="12"),
    Rule("spikerain-train fit", FIVE_STEPS, leaves=A_RUN),
    Rule("spikerain-train fit --resume", "--set steps=8", leaves=A_RUN, says="weights written"),
    Rule(
        "spikerain-train average", leaves=("{output}/config.json", "{output}/weights.safetensors")
    ),
    Rule("spikerain-train evaluate", FEW_PICTURES, says="medium"),
    Rule("spikerain-train evaluate --model nano --model tiny", FEW_PICTURES, says="paired"),
    Rule("spikerain-train evaluate --video", "--limit 2", says="medium"),
    Rule("spikerain-train evaluate --weather curtain", FEW_PICTURES, says="curtain"),
    Rule("training/gpu.sh", not_run="needs a GPU for its minutes"),
    Rule("STEPS=10", not_run="tests/training/test_gpu_script.py runs it with fewer steps"),
    Rule("tensorboard", "--inspect", says="scalars"),
    Rule("torchrun --standalone", FIVE_STEPS, leaves=A_RUN),
    Rule(
        "torchrun --nnodes 2",
        FIVE_STEPS,
        replaced=(r"--nnodes 2 --nproc-per-node 4(.*)host:29500", r"--nnodes 1\1localhost:0"),
        leaves=A_RUN,
    ),
    Rule("docker", not_run="needs Docker; tests/deploy checks the Dockerfiles and compose files"),
    Rule("sbatch", not_run="needs Slurm; tests/deploy/test_training_jobs.py runs the script"),
    Rule("kubectl", not_run="needs a cluster; tests/deploy checks the manifests"),
    Rule("mkdir -p deploy", not_run="makes the folder that the container writes to"),
    Rule("sudo", not_run="changes the system; tests/deploy checks the unit"),
    Rule("journalctl", not_run="needs the installed unit; tests/deploy checks it"),
)

# Files that the Python blocks of a document leave, block by block.
PYTHON = {
    "README.md": (("clean.png",),),
    "docs/video.md": (("clean_000000.png", "clean_000009.png"),),
}


def rule_for(command: str) -> Rule | None:
    """The rule with the longest beginning that fits a command; None if there is none."""
    fitting = [rule for rule in RULES if re.match(rf"{re.escape(rule.start)}(?!\w)", command)]
    return max(fitting, key=lambda rule: len(rule.start), default=None)


def stood_in(command: str, rule: Rule, **places: str) -> str:
    """The command as it is run here; `places` are the RTSP server's URL and the repository."""
    for pattern, replacement in (*REPLACED, rule.replaced):
        if pattern:
            command = re.sub(pattern, replacement.format(**places), command)
    return f"{command} {rule.appended}".strip()


def named_outputs(command: str) -> list[str]:
    """Files that a command's options name as outputs; - stands for standard output."""
    words = shlex.split(command)
    options = ("--output", "--json", "--csv", "--html", "--gallery")
    named = [after for word, after in pairwise(words) if word in options]
    return [name for name in named if not name.startswith("gst://")]


def named_inputs(command: str) -> set[str]:
    """Names in a command for which something stands in, outputs left out."""
    arguments = command.replace("spikerain-edge run ", "")
    words = set(re.split(r"[\s='\"]+", arguments)) - set(named_outputs(command))
    names = (*PHOTOGRAPHS, *CLIPS, *PICTURES, *RUNS, *PAIRS, *REPOSITORY)
    return {name for name in names if any(f"{word}/".startswith(name) for word in words)}
