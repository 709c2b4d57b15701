"""The composition root: the one place that knows every part. Nobody imports it but wsgi.py and the tests."""

from __future__ import annotations

import logging
import os
from datetime import timedelta

from flask import Flask
from flask_migrate import Migrate
from flask_wtf import CSRFProtect

from app import cli, config, edge, health, i18n
from app.agencies import jobs as agencies_jobs
from app.agencies import views as agencies_views
from app.config import Settings, SettingsError
from app.db import db, engine_options
from app.directory import cli as directory_cli
from app.directory import jobs as directory_jobs
from app.directory import upkeep_pages
from app.directory import views as directory_views
from app.events import react_with
from app.geography import jobs as geography_jobs
from app.geography import operations as geography
from app.inbox import jobs as inbox_jobs
from app.inbox import views as inbox_views
from app.loop import api as loop_api
from app.loop import cli as loop_cli
from app.loop import jobs as loop_jobs
from app.loop import oversight
from app.loop import views as loop_views
from app.loop.reactions import REACTIONS
from app.mail import jobs as mail_jobs
from app.mail import views as mail_views
from app.matching import api as matching_api
from app.messaging import jobs as messaging_jobs
from app.messaging import views as messaging_views
from app.messaging import webhooks
from app.patients import api as patients_api
from app.patients import jobs as patients_jobs
from app.patients import views as patients_views
from app.publishing import api as publishing_api
from app.publishing import cli as publishing_cli
from app.referrals import api as referrals_api
from app.referrals import appointment_pages, sharing_pages
from app.referrals import views as referrals_views
from app.reports import api as reports_api
from app.reports import views as reports_views
from app.screening import api as screening_api
from app.screening import views as screening_views
from app.simulation import cli as simulation_cli
from app.staff import access
from app.staff import cli as staff_cli
from app.staff import views as staff_views
from app.worklist import jobs as worklist_jobs
from app.worklist import views as worklist_views

PAGES = (
    health.bp,
    staff_views.bp,
    patients_views.bp,
    screening_views.bp,
    directory_views.bp,
    upkeep_pages.bp,
    referrals_views.bp,
    appointment_pages.bp,
    sharing_pages.bp,
    agencies_views.answers,
    mail_views.mailing,
    agencies_views.bp,
    worklist_views.bp,
    loop_views.bp,
    inbox_views.bp,
    oversight.bp,
    messaging_views.texting,
    reports_views.bp,
)
APIS = (patients_api.bp, screening_api.bp, matching_api.bp, referrals_api.bp, loop_api.bp, reports_api.bp)

JOBS = (
    agencies_jobs,
    directory_jobs,
    geography_jobs,
    inbox_jobs,
    loop_jobs,
    mail_jobs,
    messaging_jobs,
    patients_jobs,
    worklist_jobs,
)
"""A task is known once its module is imported; they are named here so that no worker goes without one."""

LARGEST_REQUEST = 64 * 1024 * 1024


def create_app(settings: Settings | None = None) -> Flask:
    """The whole application, configured by `settings` or else by the environment.

    :raises SettingsError: one sentence about the first setting that is missing or wrong.
    """
    settings = settings or config.load(os.environ)
    geography.check_geocoder(settings)
    _allow_languages(settings)
    app = Flask(__name__)
    app.extensions["settings"] = settings
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=config.sqlalchemy_url(settings.database_url),
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(),
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        WTF_CSRF_TIME_LIMIT=None,
        API_TITLE="Loopline",
        API_VERSION="v1",
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/api/v1",
        OPENAPI_JSON_PATH="openapi.json",
        HSDS_API_TITLE="The directory, as HSDS 3.1 has it",
        HSDS_API_VERSION="v3",
        HSDS_OPENAPI_VERSION="3.0.3",
        HSDS_OPENAPI_URL_PREFIX=publishing_api.PREFIX,
        HSDS_OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
            "security": [{"token": []}],
        },
    )
    app.logger.setLevel(logging.INFO)
    db.init_app(app)
    Migrate(app, db, directory=str(config.ROOT / "migrations"))
    i18n.load()
    i18n.teach(app.jinja_env)
    app.context_processor(i18n.for_templates)
    access.init_app(app)
    react_with(REACTIONS)

    csrf = CSRFProtect(app)
    for page in PAGES:
        app.register_blueprint(page)
    if settings.demo:
        app.register_blueprint(messaging_views.bp)
        app.register_blueprint(mail_views.bp)
    csrf.exempt(webhooks.bp)  # signed by the carrier instead
    app.register_blueprint(webhooks.bp)
    api = edge.DescribedApi(app)
    for resource in APIS:
        csrf.exempt(resource)  # known by token only, never by cookie
        api.register_blueprint(resource)
    csrf.exempt(publishing_api.bp)
    edge.DescribedApi(app, config_prefix="HSDS").register_blueprint(publishing_api.bp)
    edge.init_app(app)  # after the API, whose own error answers say less
    for description in ("api-docs.openapi_json", "hsds-api-docs.openapi_json"):
        access.make_public(app, description, "the description of an API holds nobody's data")

    cli.init_app(app)
    app.cli.add_command(staff_cli.cli)
    directory_cli.cli.add_command(publishing_cli.export)
    app.cli.add_command(directory_cli.cli)
    app.cli.add_command(loop_cli.cli)
    app.cli.add_command(simulation_cli.command(create_app))
    return app


def _allow_languages(settings: Settings) -> None:
    unknown = [code for code in settings.text_languages if code not in i18n.LANGUAGES]
    if unknown:
        raise SettingsError(
            f"TEXT_LANGUAGES must be some of {','.join(i18n.LANGUAGES)} with commas between them, not “{unknown[0]}”."
        )
    i18n.allow(settings.text_languages, drafts=settings.allow_draft_languages)
