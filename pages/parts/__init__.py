"""Parts of pages, one folder a page; `frame`, `chart` and `transfer` serve several."""
