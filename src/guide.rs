//! In an application.
