"""Which test shows each case of the hardening campaign: names of cases by the test that keeps them mended.

A case is a folder of the campaign's findings: a kind of failure, where the code of that time raised it, or PASS for what
was right and stays so. A `*` stands for the rest of a name where all cases that begin so have one test.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = {
    "tests/cases/test_data.py::test_another_format_or_a_bomb_is_a_bad_image_whatever_its_name": (
        *("drag_masks_SyntaxError_at_drag_scene_py_read_gray_from_AvifImagePlugin_py_load",),
        *("eps_named_png_starts_ghostscript", "image_bombs_hang_10s", "image_members_*"),
    ),
    "tests/cases/test_data.py::test_a_broken_mask_is_one_line": (
        "drag_masks_SyntaxError_at_drag_scene_py_read_gray_from_PngImagePlugin_py_crc",
    ),
    "tests/cases/test_data.py::test_damaged_exif_data_are_no_end": ("public_image_exif_escapes",),
    "tests/cases/test_data.py::test_usual_suffixes_are_read_and_foreign_ones_named": (
        "public_folder_other_suffixes",
    ),
    "tests/cases/test_data.py::test_what_macos_stores_beside_images_is_none": (
        "public_folder_appledouble",
    ),
    "tests/cases/test_data.py::test_a_folder_of_oddities_gives_what_can_be_used_and_names_the_rest": (
        "public_folder_oddities",
    ),
    "tests/cases/test_data.py::test_a_subfolder_that_cannot_be_read_is_named": (
        "public_folder_unreadable_subfolder",
    ),
    "tests/cases/test_data.py::test_a_color_profile_is_applied": ("public_icc_profile",),
    "tests/cases/test_data.py::test_a_database_that_cannot_be_used_is_named": (
        *("lmdb_*", "lsun_truncated_sigbus", "public_lsun_truncated", "public_lsun_oddities"),
    ),
    "tests/cases/test_data.py::test_a_zip_in_any_manner_is_read": ("public_zip_oddities",),
    "tests/cases/test_data.py::test_damaged_members_are_bad_members_for_every_reader": (
        *("zip_prepare_LZMAError_*", "zip_train_reader_LZMAError_*", "zip_verify_scan_*"),
    ),
    "tests/cases/test_reports.py::test_a_record_of_another_shape_is_one_line": (
        *("table_inputs_AttributeError_*", "table_inputs_KeyError_*"),
        *("table_inputs_TypeError_at_classes_*", "table_inputs_TypeError_at_columns_*"),
        *("table_inputs_TypeError_at_drag_table_*", "table_inputs_TypeError_at_footer_*"),
        *("table_inputs_TypeError_at_results_*", "table_inputs_TypeError_at_tables_*"),
    ),
    "tests/cases/test_reports.py::test_a_segmenter_s_record_of_another_shape_is_one_line": (
        "table_inputs_TypeError_at_segmenters_py_segmenter_frame",
    ),
    "tests/cases/test_reports.py::test_an_empty_record_is_named": ("public_metrics_wrong_shape",),
    "tests/cases/test_reports.py::test_damaged_curves_are_named_by_their_line": (
        "curves_csv_hang_10s",
    ),
    "tests/cases/test_reports.py::test_a_title_is_one_cell_and_no_markup": (
        *("html_title_is_script", "title_with_bar_shifts_columns"),
    ),
    "tests/cases/test_reports.py::test_a_full_disk_keeps_what_was_there_and_is_named": (
        "sweep_table_ENOSPC_*",
    ),
    "tests/campaign/kills_commands.py::test_a_disturbed_command_loses_nothing": (
        *("sweep_table_kill_*", "sweep_figure_halfkill_*"),
    ),
    "tests/cases/test_params_files.py::test_aliases_of_aliases_are_counted_before_they_are_written_out": (
        *("params_figures_hang_10s", "params_runs_hang_10s"),
    ),
    "tests/cases/test_params_files.py::test_an_entry_that_makes_no_sense_is_named": (
        *("params_runs_TypeError_*", "public_figure_table_name_clash"),
        "public_yaml_duplicate_keys",
    ),
    "tests/cases/test_params_files.py::test_a_number_of_another_kind_is_named_by_its_place": (
        *("public_yaml_float_for_integer", "public_yaml_not_finite"),
    ),
    "tests/cases/test_params_files.py::test_a_seed_has_one_name": ("public_seed_leading_zero",),
    "tests/cases/test_params_files.py::test_a_run_that_is_a_path_is_none": (
        "curves_leaves_results",
    ),
    "tests/cases/test_commands.py::test_an_output_that_would_destroy_something_is_refused": (
        *("cli_render_destroyed_its_own_input_room_json", "render_over_its_own_scene"),
        *("edit_to_png_loses_scene", "seed_overflow", "cli_traceback_in_scene_OverflowError"),
    ),
    "tests/cases/test_commands.py::test_a_planted_temporary_is_not_written_into": (
        "planted_temporary",
    ),
    # On a busy machine these took longer than the campaign waited: nothing was wrong but the time.
    "tests/cli/test_cli.py::test_bad_input_ends_in_one_clear_line": ("cli_hang_*",),
    "tests/test_tensor_file.py::test_every_flipped_bit_of_a_header_is_noticed": (
        *("checkpoint_bytes_*", "snapshot_bytes_*"),
    ),
    "tests/training/test_training.py::test_a_header_that_is_none_of_this_training_is_one_line": (
        "checkpoint_structure_*",
    ),
    "tests/test_snapshot.py::test_a_header_that_describes_no_generator_is_one_line": (
        "snapshot_structure_*",
    ),
    "tests/segmenters/test_mask_rcnn.py::test_a_header_that_describes_no_segmenter_is_one_line": (
        "other_safetensors_readers_AttributeError_at_mask_rcnn_py_open_trained",
        "other_safetensors_readers_KeyError_at_mask_rcnn_py_open_trained",
        *("other_safetensors_readers_TypeError_*", "other_safetensors_readers_hang_10s"),
        "other_safetensors_readers_memory_*",
    ),
    "tests/campaign/faults_tensor_files.py::test_crafted_headers_are_refused_or_used": (
        "other_safetensors_readers_AttributeError_at_checkpoint_py_load_tensors",
        "other_safetensors_readers_AttributeError_at_oracle_py_open_oracle",
        "other_safetensors_readers_KeyError_at_oracle_py_open_oracle",
    ),
    "tests/cases/test_records.py::test_a_layout_of_another_kind_is_refused": (
        "layout_json_TypeError_*",
    ),
    "tests/cases/test_records.py::test_a_layout_of_numbers_without_an_end_is_refused": (
        "layout_json_OverflowError_*",
    ),
    "tests/training/test_training.py::test_a_manifest_that_is_none_is_named": (
        *("manifest_TypeError_*", "public_manifest_wrong_shape"),
    ),
    "tests/training/test_training.py::test_an_archive_that_its_manifest_does_not_describe_is_refused": (
        *("prepare_killed_between_archive_and_manifest", "public_archive_not_of_manifest"),
    ),
    "tests/training/test_resuming.py::test_an_error_of_the_system_gives_no_checkpoint_up": (
        "good_checkpoint_given_up",
    ),
    "tests/training/test_resuming.py::test_a_grid_that_a_kill_prevented_is_drawn_after_a_resume": (
        "kill_between_checkpoint_and_grid",
    ),
    "tests/training/test_training.py::test_two_trainings_of_one_run_exclude_each_other_whatever_their_settings": (
        "two_trainings_other_settings",
    ),
    "tests/training/test_resuming.py::test_a_request_to_stop_saves_and_asks_to_be_run_again": (
        "public_interrupted_train",
    ),
    "tests/cases/test_records.py::test_a_changed_digit_of_a_partial_result_is_noticed": (
        "partial_results_unchecked",
    ),
    "tests/cases/test_records.py::test_a_lock_of_dvc_that_is_none_is_one_line": (
        *("verify_inputs_AttributeError_*", "verify_inputs_KeyError_*", "verify_inputs_P*"),
        *("verify_inputs_ScannerError_*", "verify_inputs_TypeError_*"),
    ),
    "tests/test_provenance.py::test_a_checkout_of_another_owner_has_its_commit": (
        "public_commit_of_another_owner",
    ),
    "tests/test_digest.py::test_the_locale_does_not_change_a_digest": (
        *("public_locale_latin1_digest", "public_python313_same_digests_PASS"),
    ),
    "tests/upkeep/test_status.py::test_changed_originals_are_noticed": (
        "public_workflow_changed_originals",
    ),
    "tests/workflow/test_plan.py::test_weights_that_dvc_has_nowhere_are_made_again": (
        "public_fresh_clone_workstation",
    ),
    "tests/test_project.py::test_a_tarball_is_told_what_to_do_before_dvc_is_asked": (
        "public_tarball_dvc",
    ),
    "tests/evaluation/test_fidelity.py::test_a_collapsed_generator_is_precise_and_recalls_nothing": (
        "public_fidelity_few_or_identical_PASS",
    ),
    "tests/cases/test_records.py::test_a_checkout_may_have_any_name": (
        "public_paths_with_spaces_quotes_PASS",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_test_is_there(name: str) -> None:
    file, _, function = name.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_no_case_has_two_tests() -> None:
    cases = [case for names in CASES.values() for case in names]
    assert len(cases) == len(set(cases))
