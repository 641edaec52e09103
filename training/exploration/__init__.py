"""What is in a corpus, as figures, pictures and one page."""

from training.exploration.page import write_page
from training.exploration.pictures import draw_pictures
from training.exploration.survey import Survey, survey

__all__ = ["Survey", "draw_pictures", "survey", "write_page"]
