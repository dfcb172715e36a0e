//! The money core: events in, facts and commands out. Pure.
