"""The commands under their names, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import os
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from core.cli import (
    branch,
    cluster,
    compare,
    data,
    doctor,
    evaluate,
    export,
    forecast,
    imports,
    notify,
    predict,
    robustness,
    runs,
    specs,
    studies,
    train,
)
from core.cli.output import BAD_INPUT, FAILED, CommandError, say
from core.runs.records import DamagedRunError
from core.system.errors import LabError, explain_os_error


class SentenceGroup(TyperGroup):
    """Commands whose expected errors end as one sentence on the standard error, never as a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except LabError as error:
            say(str(error))
            code = FAILED if isinstance(error, DamagedRunError) else BAD_INPUT
            raise typer.Exit(error.exit_code if isinstance(error, CommandError) else code) from None
        except (typer.Abort, BrokenPipeError, EOFError):
            raise
        except OSError as error:
            if os.environ.get("RESNET_LAB_DEBUG"):
                traceback.print_exc()
            say(explain_os_error(error))
            raise typer.Exit(FAILED) from None
        except Exception as error:
            if hasattr(error, "exit_code"):  # typer's own: an exit, or a wrong option, which it reports itself
                raise
            if os.environ.get("RESNET_LAB_DEBUG"):
                traceback.print_exc()
            say(f"Something went wrong that should not: {type(error).__name__}: {error}")
            say("RESNET_LAB_DEBUG=1 before the command shows where; please report it.")
            raise typer.Exit(FAILED) from None


app = typer.Typer(
    cls=SentenceGroup,
    name="core",
    help="ResNet Lab without the browser: shape, cost, train, watch and compare residual networks.",
    epilog="RESNET_LAB_RUNS and RESNET_LAB_DATA name the folders of runs and data sets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SHAPE, TRAIN, SEARCH, MANAGE = "Shape a network", "Train it", "Search", "Runs, data and devices"
app.command("presets", rich_help_panel=SHAPE)(specs.list_presets)
app.command("spec", rich_help_panel=SHAPE)(specs.show_spec)
app.command("cost", rich_help_panel=SHAPE)(specs.show_cost)
app.command("fit", rich_help_panel=SHAPE)(specs.fit_spec)
app.command("estimate", rich_help_panel=SHAPE)(specs.measure_spec)
app.command("train", rich_help_panel=TRAIN)(train.train_run)
app.command("branch", rich_help_panel=TRAIN)(branch.branch_run)
app.command("follow", rich_help_panel=TRAIN)(train.follow_runs)
app.command("stop", rich_help_panel=TRAIN)(runs.stop_runs)
app.command("resume", rich_help_panel=TRAIN)(train.resume_runs)
app.command("next", rich_help_panel=TRAIN)(runs.run_first)
app.command("study", rich_help_panel=SEARCH)(studies.search)
app.command("studies", rich_help_panel=SEARCH)(studies.list_all)
app.command("study-stop", rich_help_panel=SEARCH)(studies.stop)
app.command("study-resume", rich_help_panel=SEARCH)(studies.resume)
app.command("study-test", rich_help_panel=SEARCH)(studies.measure)
app.command("runs", rich_help_panel=MANAGE)(runs.list_all)
app.command("show", rich_help_panel=MANAGE)(runs.show_run)
app.command("compare", rich_help_panel=MANAGE)(compare.compare_runs)
app.command("doctor", rich_help_panel=MANAGE)(doctor.diagnose_one)
app.command("forecast", rich_help_panel=MANAGE)(forecast.foresee_runs)
app.command("evaluate", rich_help_panel=MANAGE)(evaluate.evaluate_run)
app.command("robustness", rich_help_panel=MANAGE)(robustness.measure_runs)
app.command("predict", rich_help_panel=MANAGE)(predict.predict_images)
app.command("export", rich_help_panel=MANAGE)(export.export_runs)
app.command("import", rich_help_panel=MANAGE)(imports.import_files)
app.command("edit", rich_help_panel=MANAGE)(runs.edit_run)
app.command("delete", rich_help_panel=MANAGE)(runs.delete_runs)
app.add_typer(data.app, name="data", rich_help_panel=MANAGE)
app.add_typer(notify.app, name="notify", rich_help_panel=MANAGE)
app.add_typer(cluster.app, name="cluster", rich_help_panel=MANAGE)
app.command("devices", rich_help_panel=MANAGE)(data.list_devices)
