"""Prints docs/conformance/fhir.md: what the FHIR face does, from its routes, and the test that proves each claim."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from fastapi import FastAPI

from service.api import fhir
from service.api.capability import NOTES, interactions
from service.api.fhir_query import MOST, PARAMETERS, USUAL
from service.api.fhir_search import SEARCHED

FACE: Final = "tests/unit/service/test_api_fhir.py"
READER: Final = "tests/unit/adapters/test_fhir_reader.py"
PEERS: Final = "tests/peers/test_fhir_face.py"
VERSIONS: Final = "tests/unit/adapters/test_fhir_versions.py"
DOCUMENTS: Final = "tests/unit/adapters/test_fhir_documents.py"
MEASURED: Final = "tests/unit/adapters/test_fhir_measured.py"
EVERY: Final = "tests/peers/test_every_rendering.py"
SAME: Final = "tests/e2e/test_same_result.py"
VALIDATORS: Final = "tests/peers/test_fhir_validators.py"
SERVER: Final = "tests/e2e/test_server.py"

# Every interaction that is routed needs its proof: the page cannot be made without.
_READ: Final = f"{SERVER}::test_every_reference_in_the_diagnostic_report_leads_to_a_resource"
_SEARCH: Final = f"{FACE}::test_a_patients_reports_are_found_by_identifier_and_nobody_elses"
_TRANSACTION: Final = f"{FACE}::test_a_transaction_is_answered_entry_by_entry"
_DOCUMENT: Final = f"{FACE}::test_a_document_is_answered_with_the_diagnostic_report_on_what_is_attached"
PROOFS: Final[Mapping[tuple[str, str], str]] = {
    ("", "transaction"): _TRANSACTION,
    ("", "batch"): _TRANSACTION,
    **{(kind, "read"): _READ for kind in ("DiagnosticReport", "Observation", "Media", "Device", "Provenance")},
    ("Binary", "read"): f"{FACE}::test_the_pdf_is_a_binary_as_it_is_or_as_a_resource",
    ("Observation", "create"): f"{FACE}::test_an_observation_is_answered_with_its_diagnostic_report",
    **{(kind, "create"): _DOCUMENT for kind in ("DocumentReference", "Media", "Binary")},
    ("DiagnosticReport", "search-type"): _SEARCH,
    ("Observation", "search-type"): f"{FACE}::test_observations_are_found_as_reports_are",
}
SEARCHES: Final[Mapping[str, str]] = {
    "patient": _SEARCH,
    "subject": _SEARCH,
    "identifier": f"{FACE}::test_a_report_is_found_by_its_own_identifier",
    "date": f"{FACE}::test_reports_are_found_by_the_date_of_the_ecg",
    "_lastUpdated": f"{FACE}::test_reports_are_found_by_when_they_were_last_changed",
}

CLAIMS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "What is taken": (
        ("An Observation with the leads as components, or one Observation for each lead, which belong together by "
         "subject, time and device",
         f"{READER}::test_one_observation_for_each_lead_is_one_ecg_whatever_their_order"),
        ("A Bundle of type batch, transaction, message, document, searchset or collection",
         f"{READER}::test_every_bundle_is_read"),
        ("A history: the newest version of each, and nothing that was deleted",
         f"{READER}::test_of_a_history_the_newest_version_is_read_and_what_was_deleted_is_not"),
        ("Bundles in Bundles, three deep",
         f"{READER}::test_bundles_stand_in_bundles_three_deep_and_no_deeper"),
        ("The same ECG by DICOM and by FHIR gives the same waveform",
         f"{READER}::test_one_ecg_is_the_same_waveform_by_dicom_and_by_fhir"),
        ("Samples by `factor` and `origin`, in the origin's unit (UCUM nV, uV, mV, V)",
         f"{READER}::test_each_unit_has_its_millivolt"),
        ("Without a unit the sender is asked for it: `?unit=uV`; likewise `fs` (Hz) and `leads`",
         f"{FACE}::test_what_is_declared_in_the_url_reaches_the_reader"),
        ("Leads by their MDC code (11073-10101, both systems), else by text or display",
         f"{READER}::test_a_lead_is_known_by_its_code_and_else_by_its_text"),
        ("Several SampledData of one lead are its chunks",
         f"{READER}::test_components_of_one_lead_are_chunks_in_their_order"),
        ("E, U and L are no samples",
         f"{READER}::test_what_was_not_measured_or_saturated_is_no_sample"),
        ("The patient by identifier: of the reference, a contained Patient, or one in the Bundle; never by a literal "
         "reference alone, never by name",
         f"{READER}::test_the_patient_is_the_one_that_the_reference_leads_to"),
        ("Order, visit and study by the identifiers of ServiceRequest, Encounter and ImagingStudy",
         f"{READER}::test_order_visit_and_study_are_known_by_their_identifiers"),
        ("R4, R4B and R5, each by its own classes, R4 by R4B's without what R4B added",
         f"{VERSIONS}::test_what_another_hand_wrote_in_each_version_is_the_same_ecg"),
        ("The version by the media type's fhirVersion, a profile of the standard, or what only one version has; what "
         "is of two versions is refused",
         f"{VERSIONS}::test_two_versions_at_once_are_refused"),
        ("R5's `interval` in its unit (ns, us, ms, s)",
         f"{VERSIONS}::test_the_interval_is_in_its_own_unit"),
        ("R5's `offsets`, where they are even and begin with the recording",
         f"{VERSIONS}::test_even_offsets_are_a_frequency"),
        ("`codeMap` changes no number; codes other than E, U and L are refused",
         f"{VERSIONS}::test_a_code_map_changes_no_number"),
        ("Unknown elements and resources, and modifier extensions are refused; so are XML, JSON bombs, nesting and "
         "numbers beyond their bounds",
         f"{READER}::test_what_breaks_the_rules_is_refused_with_its_class_and_without_its_words"),
        ("The ECG that is attached to a DocumentReference, Media, Binary or DiagnosticReport, alone or in a Bundle, in "
         "any format that is read",
         f"{DOCUMENTS}::test_every_document_gives_the_ecg_once"),
        ("Its patient, order and visit are those of the document; a file that names another patient is refused",
         f"{DOCUMENTS}::test_the_patient_and_the_order_are_inherited"),
        ("An attachment's size and hash (SHA-1) are checked; one by URL alone is refused, unless its Binary is in the "
         "Bundle: nothing is fetched",
         f"{DOCUMENTS}::test_what_cannot_be_unwrapped_is_refused_without_its_words"),
        ("Beside samples, documents are left out, and the recording's provenance says so",
         f"{DOCUMENTS}::test_beside_samples_documents_are_left_out_and_it_is_said"),
        ("`POST /fhir/Binary` takes an ECG as it is, under its own content type",
         f"{FACE}::test_a_binary_is_taken_as_it_is_under_its_own_type"),
        ("A report of ours that comes back is dropped, and answered as a success",
         f"{FACE}::test_a_report_of_ours_is_dropped_at_every_door"),
        ("So is its PDF, by itself or in a document",
         f"{FACE}::test_a_document_of_ours_that_comes_back_is_dropped"),
    ),
    "How it is answered": (
        ("An Observation: 201 (200 when the ECG is known) with its DiagnosticReport, whose place is the Location",
         f"{FACE}::test_an_observation_is_answered_with_its_diagnostic_report"),
        ("A document with one ECG: as an Observation",
         f"{FACE}::test_a_document_is_answered_with_the_diagnostic_report_on_what_is_attached"),
        ("Always R4; where the request names a fhirVersion, so does the answer",
         f"{FACE}::test_an_observation_of_each_version_is_answered_in_r4"),
        ("Several ECGs in one entry: the first is its location, the outcome names all",
         f"{FACE}::test_each_entry_is_answered_by_what_it_held"),
        ("A transaction or batch: a response for each entry; all ECGs or none",
         f"{FACE}::test_a_transaction_is_answered_entry_by_entry"),
        ("Another Bundle: a collection of the DiagnosticReports",
         f"{FACE}::test_a_collection_is_answered_with_the_reports_in_its_order"),
        ("`Prefer: respond-async`: 202 and the job in Content-Location",
         f"{FACE}::test_a_client_that_will_not_wait_is_told_where_to_ask"),
        ("`Prefer: return=minimal`, `representation`, `OperationOutcome`",
         f"{FACE}::test_the_client_says_what_it_wants_to_see"),
        ("Every refusal is an OperationOutcome: 400, 404, 405, 406, 413, 415, 422",
         f"{FACE}::test_every_refusal_is_an_operation_outcome"),
        ("ETag, Last-Modified, meta.versionId and lastUpdated; If-None-Match gives 304",
         f"{FACE}::test_a_resource_tells_its_version_and_is_not_sent_twice"),
        ("google-fhir and Medplum's validator find no fault in resources, searchsets, the CapabilityStatement and "
         "refusals",
         f"{PEERS}::test_medplum_finds_no_fault_in_any_answer"),
    ),
    "What is issued": (
        ("A measurement of the whole recording: an Observation under LOINC's code and MDC's, in a unit of UCUM",
         f"{MEASURED}::test_a_value_stands_under_its_code_in_its_unit"),
        ("The formula of a QTc, by its code, or as method where LOINC has no code for it",
         f"{MEASURED}::test_the_formula_is_named_where_the_code_does_not_tell_it"),
        ("What was not measured: dataAbsentReason, and our code that says why",
         f"{MEASURED}::test_what_is_absent_says_why"),
        ("The measurements of a lead: components under MDC's codes, one Observation for each lead, members of another",
         f"{MEASURED}::test_a_leads_values_are_its_components"),
        ("A known patient's heart rate is a vital sign by R4's profile",
         f"{VALIDATORS}::test_the_heart_rate_is_that_of_the_standards_profile"),
        ("In R5, on request (`/v1/reports/ID/bundle.r5.json`) or to an EHR (`fhir_version`): the same Observations, "
         "pictures as DocumentReference; models made of R5's definitions find no fault. There was no R5 server of "
         "another hand",
         f"{VALIDATORS}::test_models_of_r5s_own_definitions_find_no_fault_and_a_seeded_one"),
        ("google-fhir, Medplum's validator and the official JSON schema find no fault in a Bundle",
         f"{VALIDATORS}::test_the_official_schema_finds_no_fault_and_seeded_ones"),
        ("Nor in those of fifty varied ECGs",
         f"{EVERY}::test_google_fhir_finds_no_fault"),
        ("R4, R5, DICOM, JSON and PDF say the same",
         f"{SAME}::test_every_rendering_says_the_same"),
    ),
    "How it is searched": (
        ("GET, and POST to _search, which keeps a patient's identifier out of the URL",
         f"{FACE}::test_a_form_keeps_the_identifier_out_of_the_url"),
        ("Pages by a next link that is used as it is; it names no patient",
         f"{FACE}::test_pages_give_everything_once_and_their_links_name_nobody"),
        (f"`_count` up to {MOST} ({USUAL} without); 0 tells the total alone",
         f"{FACE}::test_a_count_of_none_tells_the_total_alone"),
        ("An unknown parameter is refused, and with `Prefer: handling=lenient` passed over; the self link says what "
         "was used and hides identifiers",
         f"{FACE}::test_the_self_link_says_what_was_used_and_hides_identifiers"),
        ("The table that is searched holds keyed digests in place of identifiers",
         f"{FACE}::test_no_row_holds_an_identifier"),
    ),
}  # fmt: skip

NOT_OFFERED: Final = (
    "XML. vread, history, update, patch, delete, conditional create. Patient resources: the subject is a logical",
    "reference. Search by other parameters, `_sort`, `_include`, `_summary` and `_elements`. $process-message: a",
    "message Bundle is read as any other. Subscriptions. The official Java validator and HAPI were not to be had, so",
    "they have not judged what is sent here.",
)


def page(paths: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# FHIR conformance statement"
    yield ""
    yield "FHIR R4 (4.0.1), JSON, below `/fhir`; what is sent may be of R4B or R5, too. `GET /fhir/metadata` answers"
    yield "the CapabilityStatement. This page is made from the routes by `make docs`; each claim names the test that"
    yield "proves it."
    yield from _section("Interactions", "resource | interaction", _interactions(paths))
    bar = "\\|"  # of a cell's own
    searches = ((f"{', '.join(SEARCHED)} | `{name}` ({kind}): {text.replace('|', bar)}", SEARCHES[name])
                for name, kind, text in PARAMETERS)  # fmt: skip
    yield from _section("Search parameters", "resource | parameter", searches)
    for title, claims in CLAIMS.items():
        yield from _section(title, "claim", iter(claims))
    yield ""
    yield "## Not offered"
    yield ""
    yield from NOT_OFFERED


def _section(title: str, columns: str, rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    yield from ("", f"## {title}", "", f"| {columns} | proven by |", "|---" * (columns.count("|") + 2) + "|")
    for claim, test in rows:
        yield f"| {claim} | `{test}` |"


def _interactions(paths: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind, codes in interactions(paths).items():
        for code in codes:
            note = NOTES.get((kind, code))
            yield f"{kind or '(system)'} | {code}{f': {note}' if note else ''}", PROOFS[kind, code]


def routed() -> dict[str, Any]:
    """Return the paths of the FHIR face, as OpenAPI lists them."""
    app = FastAPI()
    app.include_router(fhir.routes(cast(Any, None), bool))  # nobody is asked anything
    paths: dict[str, Any] = app.openapi()["paths"]
    return paths


if __name__ == "__main__":
    sys.stdout.write("\n".join(page(routed())) + "\n")
