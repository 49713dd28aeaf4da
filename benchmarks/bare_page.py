"""A page of Streamlit's with one line on it: what any page costs a browser that has none of it yet."""

import streamlit as st

st.write("Bare")
