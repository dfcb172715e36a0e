//! What a person sees and can ask, as plain data. Pure.
