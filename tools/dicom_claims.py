"""What the DICOM conformance statement claims, and the tests that prove each claim."""

from dataclasses import dataclass
from typing import Final

LISTENER: Final = "tests/unit/adapters/test_dicom_listener.py"
PACS: Final = "tests/unit/adapters/test_pacs_destination.py"
RESULTS: Final = "tests/unit/adapters/test_dicom_results.py"
STOW: Final = "tests/unit/service/test_dicomweb.py"
NOTE: Final = "tests/unit/adapters/test_rejection_note.py"
WEB: Final = "tests/unit/adapters/test_web_destination.py"
CONTEXT: Final = "tests/unit/adapters/test_dicom_context.py"
ECHO: Final = "tests/unit/adapters/test_dicom_echo.py"
HOSTILE: Final = "tests/unit/adapters/test_dicom_hostile.py"
LISTENING: Final = "tests/unit/service/test_listening.py"
COMMITMENTS: Final = "tests/unit/service/test_commitments.py"
ROLES: Final = "tests/e2e/test_roles.py"
PEERS: Final = "tests/peers/test_dicom_listener.py"
PEER_PACS: Final = "tests/peers/test_pacs.py"
PEER_RESULTS: Final = "tests/peers/test_dicom_results.py"
DOORS: Final = "tests/peers/test_page_doors.py"
SPINE: Final = "tests/peers/test_spine.py"
SAMPLES: Final = "tests/unit/adapters/test_dicom_samples.py"
KINDS: Final = "tests/unit/adapters/test_dicom_classes.py"
TIME: Final = "tests/unit/adapters/test_dicom_time.py"
LEADS: Final = "tests/unit/adapters/test_dicom_leads.py"
SAID: Final = "tests/unit/adapters/test_dicom_annotations.py"
PAGES: Final = "tests/unit/adapters/test_dicom_documents.py"
OBJECTS: Final = "tests/unit/service/test_dicom_objects.py"
SR: Final = "tests/unit/adapters/test_structured_report.py"
CODES: Final = "tests/unit/adapters/test_terminology.py"
EVERY: Final = "tests/peers/test_every_rendering.py"
SAME: Final = "tests/e2e/test_same_result.py"
WRITERS: Final = "tests/peers/test_dicom_writers.py"


@dataclass(frozen=True)
class Claim:
    """What is claimed, and the tests that prove it, as pytest names them."""

    says: str
    tests: tuple[str, ...]


def _claim(says: str, *tests: str) -> Claim:
    return Claim(says, tests)


CLAIMS: Final[dict[str, tuple[Claim, ...]]] = {
    "classes": (
        _claim(
            "C-ECHO is answered",
            f"{LISTENER}::test_it_answers_an_echo",
            f"{PEERS}::test_echoscu_is_answered",
            f"{ECHO}::test_a_listener_that_serves_answers",
        ),
        _claim("every storage class is taken", f"{LISTENER}::test_every_class_is_taken_in_every_transfer_syntax"),
        _claim("no other class gets a context", f"{LISTENER}::test_a_class_of_no_use_gets_no_context"),
        _claim("a PACS takes all result classes", f"{PACS}::test_all_objects_arrive_and_the_receipt_names_them"),
        _claim(
            "a rejection note follows a later version",
            f"{PACS}::test_a_later_version_is_stored_before_the_note_that_rejects_the_former",
            f"{WEB}::test_a_later_version_is_stored_with_the_note_that_rejects_the_former",
            f"{PEER_PACS}::test_orthanc_keeps_both_versions_and_the_notes_that_reject_them_once",
        ),
        _claim(
            "to a PACS without its class nothing of it is sent",
            f"{PACS}::test_a_pacs_that_takes_no_notes_gets_nothing_of_a_later_version",
        ),
        _claim("a site may leave parts out", f"{PACS}::test_a_site_may_leave_parts_out_that_its_pacs_does_not_take"),
        _claim("a rejection note says why", f"{NOTE}::test_the_title_says_why"),
    ),
    "syntaxes": (
        _claim("an ECG arrives as it was sent", f"{LISTENER}::test_an_ecg_arrives_as_it_was_sent"),
        _claim("dcmtk's storescu brings the same ECG", f"{PEERS}::test_storescu_brings_the_same_ecg"),
        _claim(
            "a picture comes as JPEG, too",
            f"{LISTENER}::test_every_class_is_taken_in_every_transfer_syntax",
            f"{STOW}::test_a_picture_is_taken_as_jpeg_and_nothing_else_is",
            f"{DOORS}::test_a_picture_that_a_pacs_sends_as_secondary_capture_does_too",
        ),
        _claim(
            "an unknown transfer syntax is refused",
            f"{HOSTILE}::test_encapsulated_or_unknown_transfer_syntaxes_are_refused",
        ),
    ),
    "waveforms": (
        _claim(
            "samples are what pydicom and dcmtk make of them",
            f"{SAMPLES}::test_the_sample_equals_pydicoms_own_array_in_its_microvolt",
            f"{KINDS}::test_it_equals_pydicoms_own_array",
            f"{KINDS}::test_what_dcmtk_converts_is_the_same_ecg",
        ),
        _claim(
            "ecg2dcm's objects are what it was given",
            f"{WRITERS}::test_what_ecg2dcm_writes_is_what_it_was_given",
            f"{WRITERS}::test_a_heart_of_ludb_arrives_to_the_microvolt",
        ),
        _claim(
            "other kinds of samples are refused",
            f"{KINDS}::test_samples_that_the_class_does_not_allow_are_refused",
            f"{KINDS}::test_unsigned_and_companded_samples_are_no_ecgs",
        ),
        _claim(
            "padding, bits stored, channel status",
            f"{KINDS}::test_padding_is_missing_signal_whatever_its_width",
            f"{KINDS}::test_samples_beyond_the_bits_stored_are_refused_not_folded",
            f"{SAMPLES}::test_a_lead_marked_disconnected_is_missing_not_flat",
        ),
        _claim(
            "leads by code, then text",
            f"{LEADS}::test_the_numbers_of_the_leads_are_those_of_the_standard",
            f"{LEADS}::test_a_code_of_another_lead_is_that_lead_whatever_the_text_says",
            f"{SAMPLES}::test_minus_avr_is_avr_with_its_sign_changed",
        ),
        _claim(
            "placement",
            f"{LEADS}::test_the_placement_is_read_by_its_code",
            f"{LEADS}::test_twelve_leads_calculated_from_others_are_not_the_twelve",
            f"{LEADS}::test_no_model_reads_a_recording_of_another_placement",
        ),
        _claim(
            "groups on one axis of time",
            f"{TIME}::test_limb_and_chest_leads_of_two_groups_are_one_recording",
            f"{TIME}::test_four_groups_one_after_the_other_stand_one_after_the_other",
            f"{TIME}::test_groups_that_do_not_say_when_they_began_are_not_put_together",
        ),
        _claim(
            "skew by whole samples",
            f"{TIME}::test_a_skewed_lead_is_moved_by_whole_samples_and_every_value_stays",
            f"{TIME}::test_what_is_left_of_a_skew_is_told",
        ),
        _claim(
            "annotations are the recorder's own words",
            f"{SAID}::test_the_samples_own_words_and_measurements_are_read",
            f"{OBJECTS}::test_the_recorders_words_are_shown_as_its_own_and_many_do_not_break_the_page",
        ),
        _claim(
            "any number of leads gets a report",
            f"{OBJECTS}::test_any_number_of_leads_and_seconds_gets_a_report_that_abstains",
        ),
        _claim(
            "pages are taken out, with patient and order",
            f"{PAGES}::test_a_pdf_comes_out_as_it_is",
            f"{PAGES}::test_pydicoms_own_captures_are_the_same_pixels",
            f"{PAGES}::test_patient_order_and_time_go_with_it",
            f"{OBJECTS}::test_a_page_is_acknowledged_kept_and_queued_unread",
        ),
        _claim("ours are not", f"{OBJECTS}::test_a_page_of_ours_is_acknowledged_and_dropped"),
    ),
    "associations": (
        _claim("who is not known is rejected", f"{LISTENER}::test_who_is_not_known_is_rejected"),
        _claim("above the limit it says so", f"{LISTENER}::test_too_many_associations_are_told_so"),
        _claim(
            "an object that is too large is refused",
            f"{LISTENER}::test_an_object_that_is_too_large_is_refused_and_the_next_one_taken",
        ),
        _claim("one operation at a time", f"{LISTENER}::test_requests_in_a_heap_end_the_association"),
        _claim(
            "hostile peers do no harm",
            f"{LISTENER}::test_it_outlives_a_hostile_connection",
            f"{LISTENER}::test_it_outlives_a_hostile_association",
            f"{LISTENER}::test_two_hundred_connections_at_once_are_bounded",
        ),
        _claim("the settings are those of the listener", f"{LISTENING}::test_every_setting_reaches_it"),
        _claim("several listeners on one database", f"{ROLES}::test_each_role_in_its_own_process_and_two_listeners"),
    ),
    "statuses": (
        _claim(
            "each error has its status",
            f"{LISTENER}::test_an_error_becomes_its_status",
            f"{LISTENER}::test_every_error_has_a_status",
        ),
        _claim(
            "another class than the context's",
            f"{LISTENER}::test_an_object_of_another_class_than_its_context_is_refused",
        ),
        _claim("Success comes last", f"{LISTENER}::test_nothing_is_acknowledged_before_it_is_kept"),
        _claim("our own objects are dropped", f"{SPINE}::test_our_own_reports_that_come_back_are_taken_and_dropped"),
        _claim(
            "as SCU",
            f"{PACS}::test_success_warnings_and_duplicates_count_as_stored",
            f"{PACS}::test_each_failure_says_what_a_retry_would_mean",
        ),
    ),
    "commitment": (
        _claim("Orthanc commits", f"{PEER_PACS}::test_orthanc_keeps_and_commits_the_report_in_the_source_study"),
        _claim(
            "on another association",
            f"{PACS}::test_the_word_may_come_on_another_association",
            f"{PEERS}::test_orthanc_forwards_and_commits",
        ),
        _claim("at another replica", f"{COMMITMENTS}::test_another_process_may_receive_it_while_one_waits"),
        _claim("for a day", f"{COMMITMENTS}::test_what_nobody_takes_vanishes_after_a_day"),
        _claim(
            "a repeat asks under the same UID",
            f"{PACS}::test_a_repeat_leaves_one_copy_and_asks_under_the_same_transaction",
        ),
        _claim("what is not committed is not delivered", f"{PACS}::test_what_is_not_committed_is_not_delivered"),
        _claim("statuses of an N-EVENT-REPORT", f"{LISTENER}::test_a_commitment_is_handed_on"),
    ),
    "web": (
        _claim("Orthanc forwards by STOW-RS", f"{SPINE}::test_every_door_takes_it"),
        _claim(
            "objects arrive as they were sent",
            f"{STOW}::test_objects_are_handed_on_as_they_were_sent",
            f"{STOW}::test_every_transfer_syntax_is_taken",
            f"{STOW}::test_every_class_of_the_listener_is_taken",
        ),
        _claim(
            "each failure has its reason",
            f"{STOW}::test_an_error_becomes_its_reason",
            f"{STOW}::test_what_is_not_taken_has_its_reason",
        ),
        _claim(
            "200, 202, 409 and 503",
            f"{STOW}::test_some_failures_are_told_beside_what_is_stored",
            f"{STOW}::test_where_nothing_can_be_kept_the_request_is_to_come_again",
        ),
        _claim(
            "broken, large and slow bodies",
            f"{STOW}::test_it_outlives_a_hostile_body",
            f"{STOW}::test_a_slow_body_is_given_up",
        ),
        _claim("406", f"{STOW}::test_answers_are_dicom_json_only"),
        _claim(
            "Orthanc takes ours by STOW-RS",
            f"{PEER_PACS}::test_orthanc_keeps_and_commits_the_report_in_the_source_study",
        ),
        _claim(
            "as user agent, each answer",
            f"{WEB}::test_each_failure_says_what_a_retry_would_mean",
            f"{WEB}::test_duplicates_and_warnings_count_as_stored",
        ),
        _claim(
            "bearer token, TLS",
            f"{WEB}::test_a_token_goes_along_and_a_new_one_once",
            f"{WEB}::test_beyond_loopback_it_speaks_tls_only",
        ),
    ),
    "written": (
        _claim(
            "dciodvfy and dcentvfy find no error",
            f"{PEER_RESULTS}::test_dciodvfy_finds_no_error",
            f"{PEER_RESULTS}::test_dcentvfy_finds_the_results_in_their_source_study",
            f"{EVERY}::test_dciodvfy_finds_no_error",
            f"{EVERY}::test_dcentvfy_finds_source_and_results_of_one_study",
        ),
        _claim("Orthanc takes and returns each of fifty reports", f"{EVERY}::test_orthanc_takes_and_returns_each"),
        _claim(
            "same report, same bytes and UIDs",
            f"{RESULTS}::test_the_same_report_gives_the_same_bytes_and_uids",
            f"{RESULTS}::test_every_uid_is_derived_valid_and_stands_once",
        ),
        _claim(
            "patient, study and source are the recording's",
            f"{RESULTS}::test_patient_study_and_source_are_the_recordings",
        ),
        _claim("without a study there is no object", f"{RESULTS}::test_without_a_study_there_is_no_object"),
        _claim(
            "known again in every transfer syntax",
            f"{RESULTS}::test_our_objects_are_known_again_in_every_transfer_syntax",
        ),
        _claim("unverified, and marked", f"{PEER_RESULTS}::test_dcmdump_shows_what_was_meant"),
    ),
    "structured": (
        _claim(
            "the rows of TID 3700",
            f"{SR}::test_it_keeps_to_the_rows_of_the_template",
            f"{SR}::test_what_breaks_a_row_is_found",
            f"{EVERY}::test_every_structured_report_keeps_to_the_rows_of_tid_3700",
            f"{SR}::test_without_any_date_that_row_alone_is_missing",
        ),
        _claim("dciodvfy and dsrdump find no error", f"{PEER_RESULTS}::test_dsrdump_reads_the_structured_report"),
        _claim("unverified and preliminary", f"{SR}::test_it_is_unverified_and_preliminary_in_a_series_of_its_own"),
        _claim(
            "measurements, and why one is absent",
            f"{SR}::test_values_have_their_codes_and_units_and_what_is_absent_says_why",
            f"{SR}::test_each_lead_has_its_own_container",
        ),
        _claim("scores, thresholds, model", f"{SR}::test_scores_name_their_thresholds_and_their_model"),
        _claim(
            "findings, inferred from their scores, with their map",
            f"{SR}::test_a_finding_is_inferred_from_its_score_and_its_map_is_the_picture",
        ),
        _claim("it says what the other renderings say", f"{SAME}::test_every_rendering_says_the_same"),
        _claim("no conclusion of normality", f"{SR}::test_a_normal_ecg_is_a_score_and_never_a_finding"),
        _claim("what is referred to is evidence", f"{SR}::test_all_that_it_refers_to_is_evidence"),
        _claim("the predecessor is named", f"{SR}::test_an_amended_one_names_its_predecessor_where_there_is_one"),
        _claim(
            "codes are those of PS3.16",
            f"{CODES}::test_a_global_measurement_has_the_code_of_its_context_group",
            f"{CODES}::test_a_measurement_of_a_lead_has_the_code_of_its_context_group",
            f"{CODES}::test_st_changes_differ_between_sr_and_fhir",
        ),
    ),
    "characters": (
        _claim(
            "read",
            f"{CONTEXT}::test_a_name_is_decoded_by_its_character_set",
            f"{CONTEXT}::test_pydicoms_own_files_of_all_character_sets_have_their_names",
            f"{CONTEXT}::test_a_name_in_any_character_set_is_read_right",
            f"{CONTEXT}::test_an_unknown_character_set_does_no_harm",
        ),
        _claim("written", f"{RESULTS}::test_a_name_in_greek_arrives_whole"),
    ),
    "security": (
        _claim(
            "TLS with callers' certificates",
            f"{LISTENER}::test_tls_serves_whom_the_ca_has_signed",
            f"{LISTENER}::test_tls_refuses_everyone_else",
            f"{PEERS}::test_storescu_over_tls",
        ),
        _claim("1.2 or newer", f"{LISTENER}::test_tls_is_1_2_or_newer"),
        _claim("as SCU, no fallback", f"{PACS}::test_tls_proves_the_pacs_and_never_falls_back_to_plain_text"),
        _claim(
            "off loopback",
            f"{LISTENER}::test_it_is_not_open_to_all_beyond_loopback",
            f"{LISTENING}::test_plain_dicom_off_loopback_must_be_asked_for",
        ),
        _claim(
            "no value of an object in logs",
            f"{LISTENER}::test_nothing_of_an_object_is_logged",
            f"{STOW}::test_no_refusal_quotes_what_was_sent",
        ),
    ),
}
